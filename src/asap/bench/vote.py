"""`asap vote`: which of two models' images shows the better anatomy, prompt by prompt, seed by seed."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro

from asap import command, progress
from asap.bench import samples as sample_files
from asap.bench.judge import RETRIED
from asap.bench.judges import meter
from asap.bench.judges.asker import Asker
from asap.bench.judges.asking import asking, service_of
from asap.bench.judges.judge import NO_IMAGE
from asap.bench.judges.parallel import results
from asap.bench.judges.protocols.pairwise import QUESTIONS, Comparison, compare, flipped
from asap.bench.judges.protocols.seen import DamagedError, Seen
from asap.bench.judges.services.service import Service
from asap.bench.judges.settings import Asking
from asap.errors import UserError
from asap.records import Sample, Vote
from asap.store import Row, append_rows, exclusive, open_run, read_config, read_rows

VOTES = "votes.jsonl"
STAGES = ("vote", "study")
"""Who makes folders of votes."""
CHOICES = ("first", "second", "tie", "unscored")


@dataclass(frozen=True)
class Config:
    """Let a vision-language model choose between two models' images of the same prompts and seeds.

    Each pair is shown in both orders, and a choice that changes with the order is a tie. The same command
    again goes on where it stopped.
    """

    first: tyro.conf.Positional[Path]
    """Folder of the first model's images, with a metadata.jsonl, as `asap generate` makes it: the base."""
    second: tyro.conf.Positional[Path]
    """Folder of the second model's images of the same prompts and seeds."""
    out: Path
    """Folder for the votes: votes.jsonl and config.json."""
    asking: Annotated[Asking, tyro.conf.arg(name="")] = field(default_factory=Asking)


class Couple(NamedTuple):
    """Two images of one prompt and seed."""

    first: Sample
    second: Sample


def read(folder: Path) -> list[Vote]:
    """The votes in `folder`, a judge's or people's; of several of one rater on one pair the last holds.

    Raises:
        UserError: no folder of votes, or a damaged row.
    """
    if read_config(folder).get("stage") not in STAGES:
        raise UserError(f"{folder} holds no votes; give a folder made by `asap vote` or `asap study`")
    path = folder / VOTES
    found = (_vote(row, f"{path} row {n}") for n, row in enumerate(read_rows(path), 1))
    return list({(vote.first, vote.second, vote.rater): vote for vote in found}.values())


def _vote(row: Row, where: str) -> Vote:
    try:
        vote = Vote(**row)
    except TypeError:
        raise UserError(f"{where}: not a vote; delete that line and vote again") from None
    if vote.choice not in CHOICES:
        raise UserError(f"{where}: unknown choice {vote.choice!r}; delete that line and vote again")
    return vote


def run(config: Config) -> Path:
    """Vote on every couple that has no vote yet, or one of `RETRIED`; returns the folder.

    Raises:
        UserError: bad folders, no couples, a folder made with other images or another judge, a service that
            cannot be used, a budget that is used up, or (with what was found written) not one usable vote.
    """
    couples = couples_of(config.first, config.second)
    service = service_of(config.asking)
    settings = {"service": service.name, **service.settings, "questions": QUESTIONS}
    identity = {
        "first": sample_files.identity(config.first),
        "second": sample_files.identity(config.second),
        "settings": settings,
    }
    places = {name: os.path.relpath(getattr(config, name), config.out) for name in ("first", "second")}
    extra = {**places, "command": command.spell(config, "vote", "first", "second")}
    with exclusive(config.out):
        open_run(config.out, "vote", identity, extra)
        _vote_on(config, service, couples)
        votes = read(config.out)
        if all(vote.choice == "unscored" for vote in votes):
            raise UserError(f"no pair could be compared: {summary(votes)}{_example(votes)}")
    return config.out


def couples_of(first: Path, second: Path) -> list[Couple]:
    """The images of both folders that have prompt and seed in common, in the first one's order.

    Raises:
        UserError: there are none, or a folder cannot be read.
    """
    others = {(one.prompt_id, one.seed): one for one in sample_files.read(second)}
    found = [
        Couple(one, others[key])
        for one in sample_files.read(first)
        if (key := (one.prompt_id, one.seed)) in others
    ]
    if not found:
        raise UserError(
            f"{first} and {second} have no prompt and seed in common; generate both from the same prompts"
        )
    return found


def _vote_on(config: Config, service: Service, couples: Sequence[Couple]) -> None:
    done = {(vote.first, vote.second) for vote in read(config.out) if vote.reason not in RETRIED}
    missing = [one for one in couples if (one.first.id, one.second.id) not in done]
    with progress.bar(
        total=len(couples), initial=len(couples) - len(missing), desc="vote", unit="pair"
    ) as bar:
        for vote in _votes(config, service, missing):
            append_rows(config.out / VOTES, [vote])
            bar.update()


def _votes(config: Config, service: Service, couples: Sequence[Couple]) -> Iterator[Vote]:
    if not couples:  # no reason to load a model
        return
    with asking(service, config.asking, config.out) as asker:
        yield from results(service, [partial(_compared, asker, config, couple) for couple in couples])


def _compared(asker: Asker, config: Config, couple: Couple) -> Vote:
    try:
        first = Seen.open(config.first / couple.first.file_name)
        second = Seen.open(config.second / couple.second.file_name)
        found = compare(first.picture, second.picture, asker.ask)
    except DamagedError as error:
        found = Comparison("unscored", NO_IMAGE, {"message": str(error)})
    one, rater = couple.first, config.asking.model_name or asker.service.name
    return Vote(
        one.id,
        couple.second.id,
        one.prompt_id,
        one.seed,
        one.category,
        found.choice,
        rater,
        found.reason,
        found.evidence,
    )


def summary(votes: Iterable[Vote]) -> str:
    """One line: pairs, wins of each side, ties, the flip rate, RSI of the second, unscored by reason.

    The flip rate is the share of the pairs shown in both orders in which the orders disagree. RSI (Relative
    Superiority Index) is (wins + ties) / (losses + ties) of the second against the first; 1 is no difference.
    """
    votes = list(votes)
    counts = Counter(vote.choice for vote in votes)
    first, second, ties = (counts[name] for name in ("first", "second", "tie"))
    flips = [flip for vote in votes if (flip := flipped(vote.evidence)) is not None]
    parts = [f"{len(votes)} pairs: {first} for the first, {second} for the second, {ties} ties"]
    if first + ties:
        parts.append(f"RSI of the second {(second + ties) / (first + ties):.2f}")
    if flips:
        parts.append(f"flip rate {sum(flips) / len(flips):.1%} ({sum(flips)} of {len(flips)})")
    reasons = Counter(vote.reason for vote in votes if vote.choice == "unscored")
    if reasons:
        parts.append(", ".join(f"{count} unscored ({reason})" for reason, count in sorted(reasons.items())))
    return "; ".join(parts)


def _example(votes: Iterable[Vote]) -> str:
    """What stood in the way of the last one that is asked again, where that is known."""
    said: list[Any] = [
        v.evidence["message"] for v in votes if v.reason in RETRIED and "message" in v.evidence
    ]
    return f"; for example: {said[-1]}" if said else ""


def main(argv: list[str]) -> None:
    """The command `asap vote`."""
    config = command.parse(Config, argv, "vote")
    out = run(config)
    votes = read(out)
    if any(vote.reason in RETRIED for vote in votes):
        print(f"asap: the same command tries the rest again{_example(votes)}", file=sys.stderr)
    if (out / meter.FILE).is_file():
        print(f"asked: {meter.told(meter.read(out))}")
    print(f"votes: {out}; {summary(votes)}")
