"""`asap calibrate`: how often a judge is right, on images whose truth is known."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import tyro

from asap import command
from asap.bench import judge as judgement_files
from asap.bench.calibration import against, labels
from asap.bench.calibration.against import Matched
from asap.bench.statistics import Interval
from asap.bench.wording import percent, range_of
from asap.errors import UserError
from asap.store import Row, commands_of, content_id, exclusive, open_run, read_config, to_json, write_atomic

CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class Config:
    """Measure a judge's errors on labelled images; `asap report --calibration` then takes them out."""

    judgements: tyro.conf.Positional[Path]
    """Folder of judgements, as `asap judge` makes it."""
    labels: Path
    """What is known of the same images: a folder of `asap truth`, JSON lines (sample_id, or prompt_id and
    seed; verdict; errors), or a folder of judgements, as of a study with people."""
    out: Path
    """Folder for calibration.json."""


def run(config: Config) -> Path:
    """Measure the judge and write `calibration.json`; returns the folder.

    Raises:
        UserError: no judgements, no labels, none of the judged images, or all of one kind.
    """
    found = judgement_files.read(config.judgements)
    known = labels.read(config.labels)
    matched = against.match(found.values(), known)
    truths = {case.wrong for case in matched.cases}
    if len(truths) < 2:
        held = (
            "no image that was scored"
            if not truths
            else f"no {'sound' if True in truths else 'faulty'} image"
        )
        raise UserError(f"{config.labels}: {held} among the labelled ones; both kinds are needed")
    made = read_config(config.judgements).get("identity", {})
    said = sorted((j.sample_id, j.verdict, j.errors) for j in found.values())
    identity = {"judge": made.get("judge"), "settings": made.get("settings")}
    extra = {
        "judgements": os.path.relpath(config.judgements, config.out),
        "command": command.spell(config, "calibrate", "judgements"),
        "before": _made_before(config),
    }
    with exclusive(config.out):
        open_run(
            config.out, "calibrate", {**identity, "verdicts": content_id(said), "labels": known.id}, extra
        )
        row = {**identity, "source": known.source, **measured(matched)}
        write_atomic(config.out / CALIBRATION, to_json(row, indent=2) + "\n")
    return config.out


def _made_before(config: Config) -> list[str]:
    """The commands that made the images, their judgements and the labels."""
    judged = read_config(config.judgements)
    folders = (config.judgements / str(judged.get("images", "")), config.judgements, config.labels)
    return [line for folder in folders for line in commands_of(folder)]


def measured(matched: Matched) -> Row:
    """What the labels say of the judge, all numbers of it."""
    value, interval = against.kappa(matched.cases)
    categories = sorted({case.category for case in matched.cases})
    return {
        **against.as_json(matched.cases),
        "weighed": against.weighed(matched.cases)._asdict(),
        "kappa": value if math.isfinite(value) else None,
        "kappa_interval": interval,
        "prompts": len({case.prompt for case in matched.cases}),
        "unlabelled": matched.unlabelled,
        "unsure": matched.unsure,
        "unscored": dict(matched.unscored),
        "kinds": against.by_kind(matched.cases),
        "categories": {
            name: against.as_json([case for case in matched.cases if case.category == name])
            for name in categories
        },
    }


def read(folder: Path) -> Row:
    """What `run` wrote in `folder`.

    Raises:
        UserError: no such folder, or nothing in it that can be read.
    """
    if read_config(folder).get("stage") != "calibrate":
        raise UserError(f"{folder} was not made by `asap calibrate`; give a folder of that")
    try:
        row: Row = json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{folder}: no {CALIBRATION} that can be read; run `asap calibrate` again") from None
    return row


def told(row: Row) -> str:
    """The calibration as lines for a terminal."""
    lines = [_line("all images", row)]
    lines += [_line(name, one) for name, one in row["categories"].items() if len(row["categories"]) > 1]
    value = "not a number" if row["kappa"] is None else f"{row['kappa']:.2f}"
    interval = (
        f" ({range_of(Interval(*row['kappa_interval']), '{:.2f}'.format)})" if row["kappa_interval"] else ""
    )
    lines.append(f"Cohen's kappa {value}{interval}, {row['prompts']} prompts")
    lines += [
        f"  {kind}: found in {one['caught']} of {one['images']}, named in {one['named']}"
        for kind, one in sorted(row["kinds"].items(), key=lambda item: -item[1]["sensitivity"])
    ]
    left = {"without a label": row["unlabelled"], "unsure": row["unsure"]}
    names = {"error": "faulty", "correct": "correct"}
    left |= {f"{names[truth]} without a verdict": count for truth, count in row["unscored"].items()}
    out = [f"{count} {why}" for why, count in left.items() if count]
    return "\n".join([*lines, *([f"left out: {', '.join(out)}"] if out else [])])


def _line(name: str, row: Row) -> str:
    parts = []
    for what, share, verb in (("faulty", "sensitivity", "finds"), ("correct", "specificity", "passes")):
        count = row["caught"] + row["missed"] if what == "faulty" else row["false_alarms"] + row["right"]
        if row[share] is not None:
            interval = range_of(Interval(*row[f"{share}_interval"]), percent)
            parts.append(f"{verb} {percent(row[share])} ({interval}) of {count} {what} ones")
    return f"{name}: {', '.join(parts)}"


def main(argv: list[str]) -> None:
    """The command `asap calibrate`."""
    out = run(command.parse(Config, argv, "calibrate"))
    print(f"{told(read(out))}\ncalibration: {out / CALIBRATION}")
