"""`asap review`: a local page on which people look at the pairs of a HAP dataset and decide on them.

What they decide is in `HAP/reviews.sqlite` as soon as it is made; `asap build` run again, `asap publish` and
`asap export` honour it (`asap.pairs.hap.decisions`).
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from asap import command
from asap.pairs.hap import decisions
from asap.web import serve
from asap.wording import counted

PORT = 8765


@dataclass(frozen=True)
class Config(command.Settings):
    """Look at pairs in a browser and keep or reject them, several people at once. Ctrl-C ends it."""

    hap: tyro.conf.Positional[Path]
    """Folder of a finished dataset."""
    host: str = "127.0.0.1"
    """Address to listen on. Any other than this machine's own loopback wants a token, which is printed once
    as a part of the page's address. Nothing is encrypted: on strange networks take a tunnel (ssh -L)."""
    port: int = PORT
    """Port to listen on; 0 takes any that is free."""
    token: bool = False
    """Want a token on loopback too, where other people have accounts on this machine."""


def run(config: Config) -> Path:
    """Serve the page until interrupted; returns the dataset's folder.

    Raises:
        UserError: no finished dataset, damaged decisions, an address that cannot be had, packages missing.
    """
    serve.check_installed("review")
    from asap.review.app import application
    from asap.review.gallery import Gallery
    from asap.web.journal import Journal

    gallery = Gallery(config.hap)
    decisions.read(config.hap)  # damaged ones stop it now
    place = serve.listen(config.host, config.port, "review", token=config.token)
    journal = Journal(config.hap / decisions.REVIEWS)
    print(
        f"{counted(len(gallery), 'pair')} of {config.hap}\nopen {place.url}    (Ctrl-C ends it)", flush=True
    )
    serve.serve(application(config.hap, gallery, journal), place)
    journal.close()
    gallery.close()
    print(f"\n{told(config.hap)}")
    return config.hap


def told(folder: Path) -> str:
    """What people decided so far, as lines for the terminal."""
    words = Counter(decision.word for decision in decisions.read(folder).values())
    if not words:
        return "nobody decided on a pair yet"
    counts = ", ".join(f"{word} {words[word]}" for word in decisions.WORDS if words[word])
    return (
        f"decided on {counted(sum(words.values()), 'pair')}: {counts}\n"
        "the same `asap build` again leaves rejected pairs out; `asap publish` and `asap export` honour all"
    )


def main(argv: Sequence[str]) -> None:
    """`asap review`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run(command.parse(Config, argv, "review"))
