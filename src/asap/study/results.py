"""`asap study-results`: what raters said, in the form of every other judge, for `asap report` and the rest.

OUT/NAME/judgements.jsonl             the majority's verdict on each image of a folder, judge "human"
OUT/votes-BASE-NAME/votes.jsonl       votes between two folders, one row for each rater
OUT/summary.json, summary.md          raters, agreement, rates with and without those left out
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from asap import command
from asap.bench.judge import JUDGEMENTS
from asap.errors import UserError
from asap.records import Judgement, Vote
from asap.store import (
    Row,
    commands_of,
    exclusive,
    open_run,
    read_config,
    to_json,
    write_atomic,
    write_config,
)
from asap.study import answers, folder, reliability, summary, tally
from asap.study.answers import Said
from asap.study.folder import Study

JUDGE = "human"
VOTES = "votes.jsonl"


@dataclass(frozen=True)
class Config(command.Settings):
    """Write a study's results so far: judgements and votes as other judges give them, and a summary."""

    study: tyro.conf.Positional[Path]
    """Folder of the study."""
    out: Path
    """Folder for the results."""
    min_attention: float = 0.8
    """Raters who passed a smaller share of their attention checks are left out; the summary shows both."""


def run(config: Config) -> Path:
    """Write the results; returns their folder.

    Raises:
        UserError: no study, no answers yet, or all raters left out.
    """
    if not 0 <= config.min_attention <= 1:
        raise UserError(f"--min-attention {config.min_attention}: give a share from 0 to 1")
    study = folder.load(config.study)
    said = answers.said(config.study / folder.ANSWERS, study)
    if not said:
        raise UserError(f"{config.study}: nobody has answered yet")
    ratings = reliability.ratings(study, said)
    kept = {one.name for one in ratings if one.kept(config.min_attention)}
    if not kept:
        those = "the only rater" if len(ratings) == 1 else f"all {len(ratings)} raters"
        raise UserError(
            f"{config.study}: {those} so far passed less than {config.min_attention:.0%} of the attention "
            "checks; give a smaller --min-attention, which the results will tell"
        )
    with exclusive(config.out):
        open_run(config.out, "study-results", {"study": study.id, "min_attention": config.min_attention})
        told = summary.numbers(study, said, ratings, kept, config.min_attention)
        _write(config, study, [one for one in said if one.rater in kept], summary.reliability_of(told))
        write_atomic(config.out / "summary.json", to_json(told, indent=2) + "\n")
        write_atomic(config.out / "summary.md", summary.text(study, told))
    return config.out


def _write(config: Config, study: Study, said: Sequence[Said], raters: Row) -> None:
    for number, images in enumerate(study.folders):
        rows = tally.judgements(study, said, number)
        if rows:
            _run_folder(config, study, config.out / images["name"], "judge", images, raters)
            _write_rows(config.out / images["name"] / JUDGEMENTS, rows)
        cast = tally.votes(said, number)
        if cast:
            place = config.out / f"votes-{study.folders[0]['name']}-{images['name']}"
            _run_folder(config, study, place, "study", images, raters)
            _write_rows(place / VOTES, cast)


def _run_folder(config: Config, study: Study, place: Path, stage: str, images: Row, raters: Row) -> None:
    """The record beside rows: of judgements as `asap judge` writes it, of votes as `asap vote` does."""
    settings = {"study": study.id, "min_attention": config.min_attention}
    identity: Row = {"judge": JUDGE, "settings": settings}
    made = (*(Path(one["path"]) for one in study.folders), config.study)
    before = [line for place_ in made for line in commands_of(place_)]
    extra: Row = {"command": command.spell(config, "study-results", "study"), "before": before}
    shown = {"images": images} if stage == "judge" else {"first": study.folders[0], "second": images}
    for name, one in shown.items():
        identity[name], extra[name] = one["images_id"], _relative(one, place)
    open_run(place, stage, identity, extra)
    write_config(place, {**read_config(place), "raters": raters})  # which grow with each answer


def _relative(images: Row, place: Path) -> str:
    return os.path.relpath(images["path"], place)


def _write_rows(path: Path, rows: Iterable[Judgement | Vote]) -> None:
    write_atomic(path, "".join(to_json(row) + "\n" for row in rows))


def main(argv: Sequence[str]) -> None:
    """`asap study-results`."""
    config = command.parse(Config, argv, "study-results")
    out = run(config)
    print((out / "summary.md").read_text(encoding="utf-8"))
    names = folder.load(config.study).folders
    judged = [str(out / one["name"]) for one in names if (out / one["name"] / JUDGEMENTS).exists()]
    cast = [str(place.parent) for place in sorted(out.glob(f"votes-*/{VOTES}"))]
    votes = f" --votes {' '.join(cast)}" if cast else ""
    print(f"results: {out}")
    if judged:
        print(f"next: asap report {' '.join(judged)}{votes} --out report")
