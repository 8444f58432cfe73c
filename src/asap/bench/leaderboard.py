"""`asap leaderboard`: the results of many reports in one file, a line each, sorted where they compare."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import tyro

from asap import __version__, command
from asap.bench import results
from asap.bench.page import Page, Section, Table, render
from asap.bench.page.charts import Dot, shares
from asap.bench.page.texts import markdown_table
from asap.bench.results import Method, Rate, Versus
from asap.bench.statistics import Interval
from asap.bench.wording import NOTHING, percent, range_of, ratio
from asap.errors import UserError
from asap.store import Row, content_id, read_rows, to_json, write_atomic

Result = tuple[Method, Rate, Versus | None]
"""A judged model, its error rate, and its comparison with the base, the first of the results."""
NEEDED = ("id", "name", "aer", "aer_interval", "scored", "judge", "prompts")


@dataclass(frozen=True)
class Config:
    """Show a leaderboard file that `asap report --leaderboard` wrote: models by AER, apart for every judge
    and set of prompts, as only rows of one judge and one set compare."""

    file: tyro.conf.Positional[Path]
    """The file, JSON lines."""
    out: Path | None = None
    """An HTML page to write."""
    title: str = "Leaderboard of anatomical error rates"
    """The page's title."""


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


def groups(found: Sequence[Row]) -> list[list[Row]]:
    """Rows that compare, of one judge and one set of prompts, each group by AER; the largest group first."""

    def place(row: Row) -> tuple[str, str]:
        return str(row["judge"]["id"]), str(row["prompts"]["id"])

    apart = [list(part) for _, part in groupby(sorted(found, key=place), key=place)]
    return sorted(
        ([*sorted(part, key=lambda row: float(row["aer"]))] for part in apart), key=len, reverse=True
    )


def ranks(group: Sequence[Row]) -> list[str]:
    """The places that each row may have: those that no interval, lying wholly below or above, excludes."""
    ends = [(float(row["aer_interval"][0]), float(row["aer_interval"][1])) for row in group]
    found = []
    for low, high in ends:
        first = 1 + sum(other < low for _, other in ends)
        last = len(ends) - sum(other > high for other, _ in ends)
        found.append(str(first) if first == last else f"{first} to {last}")
    return found


def table(group: Sequence[Row]) -> Table:
    """A group's table."""
    header = ("model", "rank", "AER", "95% interval", "images", "RSI", "against", "date", "asap")
    return Table(header, [_cells(row, rank) for row, rank in zip(group, ranks(group), strict=True)])


def _cells(row: Row, rank: str) -> tuple[str, ...]:
    rsi = row.get("rsi")
    return (
        str(row["name"]),
        rank,
        percent(float(row["aer"])),
        range_of(Interval(*row["aer_interval"]), percent),
        str(row["scored"]),
        NOTHING if rsi is None else ratio(rsi) + _within(row.get("rsi_interval")),
        str(row.get("base", "")),
        str(row.get("date", "")),
        str(row.get("asap", "")),
    )


def _within(ends: Sequence[float | None] | None) -> str:
    if not ends:
        return ""
    interval = Interval(*(math.inf if end is None else end for end in ends))
    return f" ({range_of(interval, ratio)})"


def sections(found: Sequence[Row]) -> list[Section]:
    """One section a group."""
    return [_section(group) for group in groups(found)]


def _section(group: Sequence[Row]) -> Section:
    judge, prompts = group[0]["judge"], group[0]["prompts"]
    told = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in (judge.get("settings") or {}).items()
    )
    text = f"{prompts['count']} prompts ({prompts['id']}), judge “{judge['name']}”" + (
        f": {told}." if told else "."
    )
    items = [
        Dot(str(row["name"]), row["aer"], tuple(row["aer_interval"]), percent(row["aer"]), 1) for row in group
    ]
    note = (
        "Rank: the places that the intervals leave open. Images of the same noise tell models apart better "
        "than this: compare them in one report."
    )
    return Section(
        f"{judge['name']}, {prompts['count']} prompts", text, [shares(items)], table(group), note=note
    )


def run(config: Config) -> str:
    """The leaderboard as text; with `out`, a page beside it.

    Raises:
        UserError: a file that is not there, empty, or no leaderboard.
    """
    found = read(config.file)
    if not found:
        raise UserError(
            f"{config.file}: no rows yet; `asap report ... --leaderboard {config.file}` adds them"
        )
    parts = sections(found)
    if config.out:
        page = Page(config.title, _verdict(groups(found)), _lead(parts), sections=parts)
        config.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(config.out, render(page))
    return "\n\n".join(f"{part.text}\n\n{markdown_table(part.table)}" for part in parts if part.table)


def _verdict(apart: Sequence[Sequence[Row]]) -> str:
    first, rank = apart[0], ranks(apart[0])
    if len(apart) > 1:
        return f"{sum(map(len, apart))} results in {len(apart)} groups that do not compare"
    if rank[0] == "1":
        return f"{first[0]['name']} has the lowest error rate of {len(first)}"
    return f"No single lowest error rate among {len(first)}"


def _lead(parts: Sequence[Section]) -> str:
    if len(parts) < 2:
        return "All rows are of one judge and one set of prompts."
    return "Rows of different judges or prompts are kept apart: their rates say nothing of each other."


def main(argv: list[str]) -> None:
    """The command `asap leaderboard`."""
    config = command.parse(Config, argv, "leaderboard")
    print(run(config))
    if config.out:
        print(f"\nleaderboard: {config.out}")
