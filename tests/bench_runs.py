"""Small folders of images, judgements and training logs, written as the stages write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from asap.records import Box, Judgement, Sample, Vote
from asap.store import append_rows, open_run

# c correct, e error, r refused, u unreachable; one letter per prompt
VERDICTS = {"c": "correct", "e": "error", "r": "unscored", "u": "unscored"}
REASONS = {"r": "refused", "u": "unreachable"}


def write_run(  # noqa: PLR0913
    folder: Path,
    verdicts: str,
    *,
    seeds: int = 1,
    size: int = 8,
    shade: int = 100,
    region: Box | None = None,
    categories: Sequence[str] = ("all",),
    judge: str = "vlm",
    text: str = "hand {}",
    made: Mapping[str, object] | None = None,
) -> Path:
    """`folder/images` with grey images and `folder/judged` with one verdict per image; returns the latter."""
    images, judged = folder / "images", folder / "judged"
    open_run(
        images,
        "generate",
        {"shade": shade, **(made or {})},
        {"command": f"asap generate --out {folder.name}/images"},
    )
    record = {"command": f"asap judge {folder.name}/images --judge {judge}", "images": "../images"}
    open_run(judged, "judge", {"judge": judge, "settings": {"model_name": "m"}}, record)
    samples, judgements = [], []
    for i, letter in enumerate(verdicts):
        prompt, category = f"p{i // seeds}", categories[(i // seeds) % len(categories)]
        sample = Sample(
            f"{prompt}-{i % seeds}", f"images/{i}.png", text.format(i), prompt, category, i % seeds
        )
        (images / "images").mkdir(exist_ok=True)
        Pillow.fromarray(np.full((size, size, 3), shade, np.uint8)).save(images / sample.file_name)
        samples.append(sample)
        judgements.append(_judgement(sample, letter, region))
    append_rows(images / "metadata.jsonl", samples)
    append_rows(judged / "judgements.jsonl", judgements)
    return judged


def write_votes(folder: Path, letters: str, *, rater: str = "judge", images: Sequence[str] = ()) -> Path:
    """Votes of one prompt each: f for the first model, s the second, t a tie, x none; upper case where the
    other order of the images gave another vote."""
    open_run(folder, "vote", {"images": list(images)}, {"command": f"asap vote --out {folder.name}"})
    names = {"f": "first", "s": "second", "t": "tie", "x": "unscored"}
    votes = []
    for i, letter in enumerate(letters):
        choice = names[letter.lower()]
        orders = ["first", "second"] if letter.isupper() else [choice, choice]
        evidence = {} if letter == "x" else {"orders": orders}
        votes.append(Vote(f"p{i}-0", f"p{i}-0", f"p{i}", 0, "all", choice, rater, evidence=evidence))  # type: ignore[arg-type]
    append_rows(folder / "votes.jsonl", votes)
    return folder


def write_training(folder: Path, objective: str, *, steps: int = 100, tau: float = 0.0) -> Path:
    """A run of `asap train` whose gap climbs to 0.1 while errors on good pictures fall by 0.2."""
    open_run(folder, "train", {"objective": objective, "tau": tau}, {"command": "asap train --out run"})
    rows = []
    for step in range(steps):
        share = step / (steps - 1)
        gap = {"delta_mean": 0.1 * share, "delta_p10": 0.05 * share, "delta_p90": 0.15 * share}
        rows.append({"step": step, "loss": 1.0, **gap, "winner_rise": -0.2 * share, "loser_rise": 0.0})
    append_rows(folder / "log.jsonl", rows)
    return folder


def _judgement(sample: Sample, letter: str, region: Box | None) -> Judgement:
    return Judgement(
        sample.id,
        sample.prompt_id,
        sample.seed,
        sample.category,
        VERDICTS[letter],  # type: ignore[arg-type]
        errors=("extra finger",) if letter == "e" else (),
        reason=REASONS.get(letter, ""),
        region=region,
    )
