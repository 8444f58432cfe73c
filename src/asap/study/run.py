"""`asap study`: people rate images and vote between two, blind, on a page, by a plan made once."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from asap import command
from asap.bench import samples
from asap.errors import UserError
from asap.store import Row, content_id, exclusive, file_id, open_run, sampled_id, write_atomic
from asap.study import folder, offline
from asap.study.answers import said
from asap.study.folder import Study
from asap.study.make import make
from asap.study.wanted import Wanted
from asap.web import serve
from asap.wording import counted

PORT = 8766
PARTS = ("hand", "arm", "foot", "leg", "face", "body")


@dataclass(frozen=True)
class Config(command.Settings):
    """Let people rate images for anatomical errors, and vote between those of two models. Ctrl-C ends it, and
    the same command goes on."""

    images: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of images as `asap generate` makes them, the base model's first."""
    out: Path
    """Folder of the study: its plan, made once, and the answers."""
    task: Literal["rate", "vote", "both"] = "both"
    """Rate each image (error, correct, cannot tell), vote between the base's image and each other one of the
    same prompt and seed, or both. One folder alone can be rated only."""
    per_rater: int = 100
    """Most questions to one rater, checks not counted."""
    raters_per_item: int = 3
    """Different raters for each question."""
    raters: int = 0
    """Raters; 0 takes as many as the questions need."""
    units: int = 0
    """Prompts and seeds drawn from all, by the seed; 0 takes all."""
    gold: Path | None = None
    """Known images to mix in: a HAP dataset, or a file of JSON lines (docs/study.md)."""
    golds: int = 5
    """Known images for each rater, where --gold gives some."""
    attention: int = 5
    """Attention checks for each rater: scrambled pictures, and questions that come twice."""
    seed: int = 0
    """Of the plan."""
    title: str = "Pictures of people"
    """Headline of the page. Raters read it: it should not name a model."""
    instructions: Path | None = None
    """A text file that raters read and consent to before they begin; without it a general text."""
    parts: tuple[str, ...] = PARTS
    """Body parts that a rater may name with an error, by the keys 1 to 9."""
    offline: Path | None = None
    """Write the study as this one HTML file, which works without a server, and stop."""
    megabytes: int = 60
    """Most MiB of the offline file."""
    host: str = "127.0.0.1"
    """Address to listen on. Any other than this machine's own loopback wants a token, printed once, for all
    but raters' own links. Nothing is encrypted: put a proxy with TLS in front, or take a tunnel (ssh -L)."""
    port: int = PORT
    """Port to listen on; 0 takes any that is free."""


def run(config: Config) -> Path:
    """Make or resume the study, and serve it until interrupted, or write it as a file; returns its folder.

    Raises:
        UserError: images or gold that cannot be read, a plan that cannot be, an address that cannot be had.
    """
    if config.offline is None:
        serve.check_installed("review")
    study = prepare(config)
    if config.offline is not None:
        write_atomic(config.offline, offline.page(config.out, study, config.megabytes))
        print(_told_offline(config.offline, config.out, study))
        return config.out
    _serve(config, study)
    return config.out


def prepare(config: Config) -> Study:
    """The study in `config.out`, made if it is not there yet."""
    _check(config)
    wanted = _wanted(config)
    ids = [samples.identity(path) for path in config.images]
    with exclusive(config.out):
        extra = {"command": command.spell(config, "study", "images")}
        open_run(config.out, "study", _identity(config, wanted, ids), extra)
        if not (config.out / folder.PLAN).exists():
            folder.save(config.out, make(config.out, config.images, ids, config.gold, wanted))
        return folder.load(config.out)


def _check(config: Config) -> None:
    for name, least in (("per_rater", 1), ("raters_per_item", 1), ("raters", 0), ("units", 0), ("golds", 0)):
        _at_least(name, getattr(config, name), least)
    _at_least("attention", config.attention, 0)
    _at_least("megabytes", config.megabytes, 1)
    if not 0 < len(config.parts) <= 9 or len(set(config.parts)) != len(config.parts):
        raise UserError("--parts: give 1 to 9 different names")
    if config.instructions is not None and not config.instructions.is_file():
        raise UserError(f"--instructions {config.instructions}: no such file")
    if config.gold is not None and not config.gold.exists():
        raise UserError(f"--gold {config.gold}: no such file or folder")
    for path in config.images:
        if not path.is_dir():
            raise UserError(f"{path}: no such folder; give a folder made by `asap generate`")
    twice = [
        str(path) for path, many in Counter(path.resolve() for path in config.images).items() if many > 1
    ]
    if twice:
        raise UserError(f"{twice[0]}: given twice; give each model's folder once")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"--{name.replace('_', '-')} {value}: give {least} or more")


def _wanted(config: Config) -> Wanted:
    text = config.instructions.read_text(encoding="utf-8").strip() if config.instructions else ""
    task = "rate" if len(config.images) == 1 and config.task == "both" else config.task
    return Wanted(
        task=task,
        per_rater=config.per_rater,
        raters_per_item=config.raters_per_item,
        raters=config.raters,
        units=config.units,
        attention=config.attention,
        golds=config.golds,
        seed=config.seed,
        title=config.title,
        instructions=text,
        parts=config.parts,
    )


def _identity(config: Config, wanted: Wanted, ids: Sequence[str]) -> Row:
    gold = config.gold
    known = file_id(gold) if gold and gold.is_file() else _dataset_id(gold) if gold else None
    settings = {name: value for name, value in vars(wanted).items() if name != "instructions"}
    text = content_id(wanted.instructions) if wanted.instructions else None
    return {"images": list(ids), "gold": known, "instructions": text, **settings}


def _dataset_id(path: Path) -> str:
    return content_id([(file.name, sampled_id(file)) for file in sorted(path.glob("data/*.parquet"))])


def _serve(config: Config, study: Study) -> None:
    from asap.study.app import application, doors
    from asap.web.journal import Journal

    place = serve.listen(config.host, config.port, "study")
    journal = Journal(config.out / folder.ANSWERS)
    links = [f"  {rater.name}  {_link(place.url, rater.token)}" for rater in study.raters]
    told = f"{counted(len(study.raters), 'rater')}, each with a link:\n" + "\n".join(links)
    print(f"{told}\nopen {place.url}    (gives out free places; Ctrl-C ends it)", flush=True)
    open_to = place._replace(policy=place.policy._replace(doors=doors(study)))
    serve.serve(application(config.out, study, journal), open_to)
    journal.close()
    print(f"\n{progress_of(config.out, study)}")


def _link(url: str, token: str) -> str:
    return f"{url.partition('?')[0]}r/{token}"


def progress_of(path: Path, study: Study) -> str:
    """How far raters have come, as a line."""
    found = said(path / folder.ANSWERS, study)
    count = sum(len(rater.asked) for rater in study.raters)
    people = len({one.rater for one in found})
    return (
        f"{len(found)} of {counted(count, 'question')} answered, "
        f"by {people} of {counted(len(study.raters), 'rater')}\n"
        f"results: asap study-results {path} --out FOLDER"
    )


def _told_offline(path: Path, folder: Path, study: Study) -> str:
    codes = "\n".join(f"  {rater.name}  {rater.code}" for rater in study.raters)
    size = path.stat().st_size / 2**20
    return (
        f"{path}: {size:.1f} MiB; it opens in any browser, and asks for the rater's code:\n{codes}\n"
        f"what raters send back: asap study-import {folder} answers-*.jsonl"
    )


def main(argv: Sequence[str]) -> None:
    """`asap study`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run(command.parse(Config, argv, "study"))
