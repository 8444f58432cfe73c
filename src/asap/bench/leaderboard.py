"""`asap leaderboard`: the results of many reports in one file, a line each, sorted where they compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import tyro

from asap import command
from asap.bench.board import read
from asap.bench.page import Page, Section, Table, render
from asap.bench.page.charts import Dot, shares
from asap.bench.page.texts import markdown, markdown_table
from asap.bench.statistics import Interval
from asap.bench.wording import NOTHING, percent, range_of, ratio
from asap.errors import UserError
from asap.store import Row, write_atomic
from asap.wording import counted

SUFFIXES = (".html", ".md")


@dataclass(frozen=True)
class Config:
    """Show a leaderboard file that `asap report --leaderboard` wrote: models by AER, apart for every judge
    and set of prompts, as only rows of one judge and one set compare."""

    file: tyro.conf.Positional[Path]
    """The file, JSON lines."""
    out: Path | None = None
    """A page to write, HTML where its name ends in .html, Markdown where it ends in .md."""
    title: str = "Leaderboard of anatomical error rates"
    """The page's title."""


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
    header = ("model", "rank", "AER", "95% interval", "images", "RSI", "against", "date", "asap version")
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
        NOTHING if row.get("base") == row["name"] else str(row.get("base", "")),
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
    text = f"{counted(prompts['count'], 'prompt')} ({prompts['id']}), judge “{judge['name']}”" + (
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
        f"{judge['name']}, {counted(prompts['count'], 'prompt')}",
        text,
        [shares(items)],
        table(group),
        note=note,
    )


def run(config: Config) -> str:
    """The leaderboard as text; with `out`, a page beside it.

    Raises:
        UserError: a file that is not there, empty, or no leaderboard; a page of another kind.
    """
    if config.out and config.out.suffix not in SUFFIXES:
        raise UserError(
            f"--out {config.out}: give a name that ends in {' or '.join(SUFFIXES)}; the rows are in "
            f"{config.file} as they are"
        )
    found = read(config.file)
    if not found:
        raise UserError(
            f"{config.file}: no rows yet; `asap report ... --leaderboard {config.file}` adds them"
        )
    parts = sections(found)
    if config.out:
        page = Page(config.title, _verdict(groups(found)), _lead(parts), sections=parts)
        config.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(config.out, markdown(page) if config.out.suffix == ".md" else render(page))
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
