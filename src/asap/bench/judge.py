"""`asap judge`: a judge's word on every image of a folder, appended as it comes."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from asap import command, progress
from asap.bench import samples as sample_files
from asap.bench.judges import meter
from asap.bench.judges.judge import NO_IMAGE, Judge
from asap.bench.judges.landmarks.settings import Options as LandmarksOptions
from asap.bench.judges.settings import Options, given
from asap.errors import UserError
from asap.lookup import choose
from asap.records import Judgement
from asap.store import append_rows, exclusive, open_run, read_config, read_rows

JUDGES = {
    "figures": "asap.bench.judges.hands.figures:Figures",
    "figures-people": "asap.bench.judges.people.figures:FiguresPeople",
    "landmarks": "asap.bench.judges.landmarks.landmarks:Landmarks",
    "network": "asap.bench.judges.hands.network:Network",
    "network-people": "asap.bench.judges.people.network:NetworkPeople",
    "vlm": "asap.bench.judges.vlm:VLM",
}
GROUPS = {"landmarks": "landmarks", "vlm": "vlm"}
"""Judge -> the field of `Config` that holds its own options; it is made of them and the folder."""
JUDGEMENTS = "judgements.jsonl"
RETRIED = ("unreachable", NO_IMAGE)


@dataclass(frozen=True)
class Config:
    """Judge the anatomy of images; run the same command again to judge what is missing."""

    images: tyro.conf.Positional[Path]
    """Folder of images with a metadata.jsonl, as `asap generate` makes it."""
    out: Path
    """Folder for the judgements: judgements.jsonl and config.json."""
    judge: str = "figures"
    """`figures` (by synthesis) or `network` (a small trained network) for drawn hands, `figures-people` or
    `network-people` for drawn people; `vlm` (a vision-language model; the options from --service on are its
    own); or `landmarks` (keypoints of detectors and tests of them; those from --detector on)."""
    vlm: Annotated[Options, tyro.conf.arg(name="")] = field(default_factory=Options)
    landmarks: Annotated[LandmarksOptions, tyro.conf.arg(name="")] = field(default_factory=LandmarksOptions)


def read(folder: Path) -> dict[str, Judgement]:
    """The judgements in `folder` by sample id; of several on one sample the last holds.

    Raises:
        UserError: no folder of judgements, or a damaged row.
    """
    if read_config(folder).get("stage") != "judge":
        raise UserError(f"{folder} was not made by `asap judge`; give a folder of judgements")
    path = folder / JUDGEMENTS
    found = (_judgement(row, f"{path} row {n}") for n, row in enumerate(read_rows(path), 1))
    return {judgement.sample_id: judgement for judgement in found}


def _judgement(row: dict[str, Any], where: str) -> Judgement:
    try:
        row = {**row, **{name: tuple(row.get(name, ())) for name in ("errors", "mismatch")}}
        row["region"] = tuple(row["region"]) if row.get("region") else None
        judgement = Judgement(**row)
    except TypeError:
        raise UserError(f"{where}: not a judgement; delete that line and judge again") from None
    if judgement.verdict not in ("correct", "error", "unscored"):
        raise UserError(f"{where}: unknown verdict {judgement.verdict!r}; delete that line and judge again")
    return judgement


def summary(judgements: Iterable[Judgement]) -> str:
    """One line: images judged, correct, with an error and its share of the scored, unscored by reason."""
    counts = Counter(j.reason if j.verdict == "unscored" else j.verdict for j in judgements)
    correct, errors = counts.pop("correct", 0), counts.pop("error", 0)
    scored, unscored = correct + errors, counts.total()
    share = f" ({errors / scored:.1%} of the scored)" if scored else ""
    reasons = f" ({', '.join(f'{n} {reason}' for reason, n in sorted(counts.items()))})" if unscored else ""
    verdicts = f"{correct} correct, {errors} with an error{share}, {unscored} unscored{reasons}"
    return f"{scored + unscored} images: {verdicts}"


def run(config: Config) -> Path:
    """Judge every image that has no judgement yet, or one of `RETRIED`; returns the folder.

    Raises:
        UserError: bad folder or judge, a folder made with another judge or other images, or (with what was
            found written) not one image that could be scored.
    """
    samples = sample_files.read(config.images)
    judge = _judge(config)
    identity = {
        "images": sample_files.identity(config.images),
        "judge": judge.name,
        "settings": judge.settings,
    }
    extra = {
        "images": os.path.relpath(config.images, config.out),
        "command": command.spell(config, "judge", "images"),
    }
    with exclusive(config.out):
        open_run(config.out, "judge", identity, extra)
        done = {id_ for id_, j in read(config.out).items() if j.reason not in RETRIED}
        missing = [s for s in samples if s.id not in done]
        with progress.bar(
            total=len(samples), initial=len(samples) - len(missing), desc="judge", unit="image"
        ) as bar:
            for judgement in judge.judge(config.images, missing):
                append_rows(config.out / JUDGEMENTS, [judgement])
                bar.update()
        _check_scored(config.out)
    return config.out


def _check_scored(out: Path) -> None:
    judged = list(read(out).values())
    if judged and all(j.verdict == "unscored" for j in judged):
        raise UserError(f"nothing could be judged in {summary(judged)}{_example(judged)}")


def _example(judged: Iterable[Judgement]) -> str:
    """What stood in the way of the last one that is asked again, where that is known."""
    said = [str(j.evidence["message"]) for j in judged if j.reason in RETRIED and "message" in j.evidence]
    return f"; for example: {said[-1]}" if said else ""


def _judge(config: Config) -> Judge:
    """The judge, given the group of options that is its own.

    Raises:
        UserError: no such judge, options of another one, or ones that it does not take.
    """
    made = choose(JUDGES, config.judge, "judge")
    for name, own in GROUPS.items():
        if name != config.judge and (flags := given(getattr(config, own))):
            raise UserError(
                f"{', '.join(flags)}: for --judge {name} alone; leave that out, or give --judge {name} "
                f"in place of {config.judge}"
            )
    group = GROUPS.get(config.judge)
    judge: Judge = made(getattr(config, group), config.out) if group else made()
    return judge


def main(argv: list[str]) -> None:
    """The command `asap judge`."""
    out = run(command.parse(Config, argv, "judge"))
    judged = read(out).values()
    again = [j for j in judged if j.reason in RETRIED]
    if again:
        reasons = " or ".join(sorted({j.reason for j in again}))
        print(f"asap: the same command tries again what is {reasons}{_example(again)}", file=sys.stderr)
    if (out / meter.FILE).is_file():
        print(f"asked: {meter.told(meter.read(out))}")
    print(f"judgements: {out}; {summary(judged)}")
