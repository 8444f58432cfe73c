"""Settings of `asap report`, and the way from folders of judgements to its page and tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from asap import command
from asap.bench import board, results
from asap.bench.page import Page, Section, Tile, render
from asap.bench.page.texts import latex, markdown
from asap.bench.report import (
    cast,
    cost,
    failures,
    known_errors,
    pairwise,
    prompted,
    repeat,
    second,
    standings,
    training,
    votes,
)
from asap.bench.report.cautions import cautions
from asap.bench.report.gallery import Album
from asap.bench.report.headline import Outcome, lead, tiles, verdict
from asap.bench.report.outcomes import contest, outcomes
from asap.bench.report.record import as_json
from asap.bench.report.sections import comparison, facts, pictures
from asap.bench.report.trust import checks
from asap.bench.results import Method, split
from asap.bench.rewards import compared, section
from asap.errors import UserError
from asap.store import Row, exclusive, read_config, to_json, write_atomic

WORDS = 1_500_000
"""Bytes of the page kept free for all but pictures."""


@dataclass(frozen=True)
class Config:
    """Compare judged models on one page: report.html, the same tables as report.md and tables.tex, and the
    numbers as report.json."""

    judgements: tyro.conf.Positional[tuple[str, ...]]
    """Folders of judgements, the base model's first; NAME=FOLDER names a model."""
    out: Path
    """Folder for the report."""
    title: str = "Human anatomical fidelity"
    """The page's title."""
    first: int = 6
    """Prompts shown with their images, from the first on."""
    differing: int = 6
    """Further images shown on which the verdicts differ."""
    failures: int = 3
    """Images with an error shown of each model, category and kind of error."""
    megabytes: float = 25.0
    """Most MB of the page; pictures that would make it larger are left out, and the page says how many."""
    second: tuple[str, ...] = ()
    """Folders of judgements of the same images by another judge; NAME=FOLDER as for the first."""
    votes: tuple[str, ...] = ()
    """Folders of `asap vote` or `asap study`; FIRST,SECOND=FOLDER says which two models they are on."""
    runs: tuple[str, ...] = ()
    """Folders of `asap train` whose curves to show; NAME=FOLDER ties one to the model of that name."""
    rewards: tuple[str, ...] = ()
    """Folders of `asap reward`, NAME=FOLDER of a model; the base needs its own for each reward."""
    calibration: tuple[Path, ...] = ()
    """Folders of `asap calibrate`, whose errors of the judge are taken out of its rates."""
    leaderboard: Path | None = None
    """A file to which every model's result is added, one JSON line each; see `asap leaderboard`."""


@dataclass(frozen=True)
class Read:
    """All that a report is made of."""

    methods: Sequence[Method]
    others: Sequence[second.Judged]
    voted: Sequence[cast.Voted]
    runs: Sequence[training.Run]
    rewards: Sequence[compared.Group]

    @property
    def folders(self) -> dict[str, Path]:
        """What a judge was paid for -> its folder."""
        found = {method.name: method.folder for method in self.methods}
        found |= {f"votes, {voted.pair}": voted.folder for voted in self.voted}
        return {name: folder for name, folder in found.items() if folder}

    @property
    def counts(self) -> dict[str, int]:
        """The same -> its number of images, or of votes."""
        found = {method.name: len(method.judgements) for method in self.methods}
        return found | {f"votes, {voted.pair}": len(voted.votes) for voted in self.voted}

    @property
    def names(self) -> list[str]:
        return [method.name for method in self.methods]


def run(config: Config, sections: Sequence[Section] = (), commands: Sequence[str] = ()) -> Path:
    """Write `report.html`, `report.json`, `report.md` and `tables.tex`; returns the folder.

    Args:
        sections: further parts of the page, shown after the comparison and before curves and images.
        commands: what made the data and the prompts, for the page's list of commands.

    Raises:
        UserError: folders that are missing, empty, or cannot be compared.
    """
    read = _read(config)
    told = cautions(read.methods)
    for caution in told:
        print(f"asap: {caution}", file=sys.stderr)
    pairs = pairwise.pairings(read.methods)
    found = outcomes(read.methods, pairs)
    last = contest(read.methods, found, pairs)
    usage = {name: cost.read(folder) for name, folder in read.folders.items()}
    numbers = as_json(read.methods, found, pairs, last, read.others, read.voted, usage)
    numbers["rewards"] = section.as_json(read.rewards)
    page = Page(
        title=config.title,
        verdict=verdict(found),
        lead=f"{lead(found, last)} {_caveat(read.methods)}".strip(),
        tiles=[*tiles(found), _judge_tile(read.methods[0])],
        checks=[
            *section.checks(read.rewards),
            *checks(read.methods, found, told, read.others, last, votes.checks(read.voted)),
        ],
        facts=facts(read.methods),
        sections=[
            *_numbers(read, found, pairs),
            *section.sections(read.rewards),
            *sections,
            *cost.sections(read.counts, usage),
            *([training.section(read.runs, read.names)] if read.runs else []),
            *_pictures(read.methods, config),
            repeat.section(
                commands, _made(read, config), read.methods, command.spell(config, "report", "judgements")
            ),
        ],
        beside="The same tables are in report.md and tables.tex, the numbers in report.json.",
    )
    with exclusive(config.out):
        write_atomic(config.out / "report.json", to_json(numbers, indent=2) + "\n")
        write_atomic(config.out / "report.md", markdown(page))
        write_atomic(config.out / "tables.tex", latex(page))
        write_atomic(config.out / "report.html", render(page))
    if config.leaderboard:
        results_of = [(m, o.rate, o.versus) for m, o in zip(read.methods, found, strict=True)]
        board.add(config.leaderboard, board.rows(results_of))
    return config.out


def _read(config: Config) -> Read:
    if not config.judgements:
        raise UserError("give at least one folder of judgements, the base model's first")
    if config.megabytes < 2:
        raise UserError(f"--megabytes is {config.megabytes:g}; give 2 or more")
    if config.leaderboard and config.leaderboard.exists():
        board.read(config.leaderboard)  # what is wrong with it is told before any work
    methods = [results.read(spec) for spec in config.judgements]
    results.check_comparable(methods)
    runs = [training.read(spec) for spec in config.runs]
    others = second.read(config.second, methods)
    known_errors.check_used(config.calibration, [*methods, *(other.second for other in others)])
    methods = known_errors.calibrated(methods, config.calibration)
    others = [
        other.with_methods(*known_errors.calibrated([other.first, other.second], config.calibration))
        for other in others
    ]
    groups = compared.read(config.rewards, [method.name for method in methods])
    return Read(methods, others, cast.read(config.votes, methods), runs, groups)


def _numbers(read: Read, found: Sequence[Outcome], pairs: Sequence[pairwise.Pairing]) -> list[Section]:
    """The comparison, with corrected rates after the raw ones where the judge's errors are known."""
    first, *rest = comparison(found)
    known = known_errors.known(read.methods[0])
    rates = [(outcome.name, outcome.rate) for outcome in found]
    judge, _ = results.judge_of(read.methods[0])
    return [
        first,
        *([known_errors.section(judge, rates, known)] if known else []),
        *rest,
        *pairwise.sections(pairs),
        *standings.sections(read.methods),
        *votes.sections(read.voted, read.names),
        *second.sections(read.others),
        *prompted.sections(read.methods),
    ]


def _pictures(methods: Sequence[Method], config: Config) -> list[Section]:
    album = Album(config.megabytes * 1e6 - WORDS)
    grids = pictures(methods, album, config.first, config.differing)
    return [*grids, *failures.sections(methods, album, config.failures)]


def _made(read: Read, config: Config) -> list[Row]:
    """The records of all folders that the page is made of, in the order in which they were made."""
    return [
        *(run.made for run in read.runs),
        *(made for method in read.methods for made in (method.made, method.judged)),
        *(other.second.judged for other in read.others),
        *(voted.made for voted in read.voted),
        *(read_config(split(spec)[1]) for spec in config.rewards),
        *(read_config(folder) for folder in config.calibration),
    ]


def _caveat(methods: Sequence[Method]) -> str:
    judge, _ = results.judge_of(methods[0])
    return known_errors.caveat(judge, known_errors.known(methods[0]))


def _judge_tile(base: Method) -> Tile:
    judge, _ = results.judge_of(base)
    return known_errors.tile(judge, known_errors.known(base))


def main(argv: list[str]) -> None:
    """The command `asap report`."""
    print(f"report: {run(command.parse(Config, argv, 'report')) / 'report.html'}")
