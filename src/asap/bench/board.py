"""A leaderboard's file: what reports add to it, a JSON line for each result."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asap import __version__
from asap.bench import results
from asap.bench.results import Method, Rate, Versus
from asap.errors import UserError
from asap.store import Row, content_id, read_rows, to_json, write_atomic

Result = tuple[Method, Rate, Versus | None]
"""A judged model, its error rate, and its comparison with the base, the first of the results."""
NEEDED = ("id", "name", "aer", "aer_interval", "scored", "judge", "prompts")


def rows(found: Sequence[Result]) -> list[Row]:
    """One row for each scored model, the base's first.

    A row's `id` stands for the model's name, its images, the judge with all its settings, and the prompts.
    """
    base = found[0][0]
    return [_row(base, *result) for result in found if result[1].scored]


def _row(base: Method, method: Method, rate: Rate, versus: Versus | None) -> Row:
    judge, settings = results.judge_of(method)
    keys = {
        "name": method.name,
        "judge": {"name": judge, "id": content_id(judge, settings), "settings": settings},
        "prompts": _prompts(method),
        "images": method.judged.get("identity", {}).get("images"),
    }
    against = None if method is base else versus
    return {
        "id": content_id(keys),
        **keys,
        "aer": rate.aer,
        "aer_interval": list(rate.interval),
        "errors": rate.errors,
        "scored": rate.scored,
        "effective": rate.effective,
        "base": base.name,
        "rsi": _finite(against.paired.rsi) if against else None,
        "rsi_interval": [_finite(end) for end in against.preference.rsi_interval]
        if against and against.preference.rsi_interval
        else None,
        "date": time.strftime("%Y-%m-%d"),
        "asap": __version__,
    }


def _prompts(method: Method) -> Row:
    """Which prompts: their number, and a name made of the texts (of the ids, where the images are gone)."""
    texts = {sample.prompt_id: sample.text for sample in method.samples.values()}
    used = sorted({prompt for prompt, _ in method.judgements})
    made = method.made.get("identity", {})
    return {
        "count": len(used),
        "id": content_id([texts.get(prompt) or prompt for prompt in used]),
        "file": made.get("prompts"),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def add(path: Path, new: Sequence[Row]) -> None:
    """Put `new` rows into the leaderboard at `path`, each in the place of one with its id or at the end.

    The file is read and replaced as a whole under a lock, so that no row is lost or stands twice when several
    reports end at once.

    Raises:
        UserError: a file that is no leaderboard, or cannot be written.
    """
    with _locked(path):
        known = {str(row["id"]): row for row in read(path)} if path.exists() else {}
        known.update({str(row["id"]): row for row in new})
        write_atomic(path, "".join(to_json(row) + "\n" for row in known.values()))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process writes to `path`; without protection on systems that have no flock."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f".{path.name}.lock").open("ab")
    except OSError as error:
        raise UserError(
            f"--leaderboard {path}: cannot be written ({error.strerror}); give another file"
        ) from None
    with file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read(path: Path) -> list[Row]:
    """The rows of a leaderboard file.

    Raises:
        UserError: no such file, or a row that is none of a leaderboard.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file, such as {path / 'board.jsonl'}")
    if not path.is_file():
        raise UserError(f"{path}: no such file; `asap report ... --leaderboard {path}` makes it")
    found = list(read_rows(path))
    for number, row in enumerate(found, 1):
        if not all(name in row for name in NEEDED):
            raise UserError(f"{path} line {number}: not a row of a leaderboard; delete that line")
    return found
