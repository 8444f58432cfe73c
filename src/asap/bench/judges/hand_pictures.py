"""Pictures of drawn hands as their judges read them: 24 x 24 pixels, the gesture that was asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.judge import NO_IMAGE
from asap.bench.samples import read_image
from asap.errors import UserError
from asap.figures.hands import GESTURES
from asap.records import Image, Judgement, Sample

SIZE = 24
CHUNK = 256
CAPTION = re.compile(r"a hand showing ([^,]+?)\s*(,|$)", re.IGNORECASE)  # as `Scene.caption` begins

Examine = Callable[[Sequence[Sample], NDArray[np.uint8], Sequence[str]], Iterable[Judgement]]
"""Samples, their pictures (N, 24, 24, 3) and their gestures -> one judgement each."""


def judge_hands(images: Path, samples: Sequence[Sample], examine: Examine) -> Iterator[Judgement]:
    """What `examine` says of the hands in the folder `images`, some at a time; pictures that are missing or
    damaged are unscored.

    Raises:
        UserError: samples that are not of drawn hands.
    """
    for start in range(0, len(samples), CHUNK):
        chunk = [(sample, gesture_of(sample)) for sample in samples[start : start + CHUNK]]
        pictures = [read_hand(images / sample.file_name) for sample, _ in chunk]
        yield from (_unreadable(s) for (s, _), picture in zip(chunk, pictures) if picture is None)
        readable = [(*named, picture) for named, picture in zip(chunk, pictures) if picture is not None]
        if readable:
            there, gestures, pixels = zip(*readable, strict=True)
            yield from examine(there, np.stack(pixels), gestures)


def read_hand(path: Path) -> Image | None:
    """The picture (24, 24, 3), or None where there is none that can be read.

    Raises:
        UserError: a picture of another size.
    """
    picture = read_image(path)
    if picture is None:
        return None
    if picture.shape != (SIZE, SIZE, 3):
        raise UserError(f"{path} is not a {SIZE} x {SIZE} figure; judge photos with --judge vlm")
    return picture


def gesture_of(sample: Sample) -> str:
    """The gesture in the sample's facts, or in a caption that is a figure's.

    Raises:
        UserError: there is none.
    """
    gesture = sample.facts.get("gesture")
    if gesture is None and (named := CAPTION.match(sample.text)):
        gesture = named[1].lower()
    if not isinstance(gesture, str) or gesture not in GESTURES:
        raise UserError(
            f"{sample.file_name}: no figure's gesture in its facts or caption ({sample.text!r}); judge "
            "such images with --judge vlm"
        )
    return gesture


def verdict(
    sample: Sample, kind: str, score: float, limit: float, evidence: Mapping[str, Any] | None = None
) -> Judgement:
    """An error of `kind` where `score` lies above `limit`, else correct."""
    wrong = score > limit
    return Judgement(
        sample_id=sample.id,
        prompt_id=sample.prompt_id,
        seed=sample.seed,
        category=sample.category,
        verdict="error" if wrong else "correct",
        errors=(kind,) if wrong else (),
        score=round(score, 6),
        evidence=evidence or {},
    )


def _unreadable(sample: Sample) -> Judgement:
    place = (sample.id, sample.prompt_id, sample.seed, sample.category)
    return Judgement(*place, "unscored", reason=NO_IMAGE)
