"""What the stages hand to each other: frozen records, most of them one row of a file on disk.

Images in memory are RGB `uint8` arrays of shape (H, W, 3); masks are `bool` arrays of shape (H, W);
boxes are `(left, top, right, bottom)` in pixels, right and bottom exclusive; points are (x, y) in pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]
Box = tuple[int, int, int, int]

Verdict = Literal["correct", "error", "unscored"]
Choice = Literal["first", "second", "tie", "unscored"]


class Blob(Protocol):
    """Bytes, read when asked for by whatever process asks: a `Path`, a span of a file, a table's cell."""

    def read_bytes(self) -> bytes:
        """All of them."""


@dataclass(frozen=True)
class Photo:
    """A photo of people as found: where its bytes are, not the bytes.

    Attributes:
        id: hash of its bytes.
        file: what gives the bytes.
        source: a name that no other photo has: its path relative to the folder, or its place in a shard.
        caption: the user's own, or None.
        licence: its licence where the source tells it.
    """

    id: str
    file: Blob
    source: str
    caption: str | None = None
    licence: str | None = None


@dataclass(frozen=True, eq=False)
class Region:
    """One body part in one image.

    Attributes:
        part: "hand", "face" or "body".
        pixels: (H, W) the part's mask, or what makes it: `mask` asks for it once, if ever.
        keypoints: (K, 2) in pixels, in COCO-WholeBody order for the part: hand 21, face 68, body 23
            (17 joints and 6 foot points). A point that was not found is NaN.
        score: the detector's confidence in [0, 1].
        side: "left" or "right" as the person has it, or None where it has no meaning.
        context: other masks and points that degradations may want, such as the "person" mask or
            other "hands".
    """

    part: str
    pixels: Mask | Callable[[], Mask]
    keypoints: Points
    score: float
    side: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def mask(self) -> Mask:
        """(H, W) the part's pixels."""
        return self.pixels() if callable(self.pixels) else self.pixels


@dataclass(frozen=True, eq=False)
class Pair:
    """A localized preference pair: one row of a HAP dataset.

    Attributes:
        id: hash of source, degradation, parameters and seed.
        prompt: the caption.
        chosen, rejected: (H, W, 3); equal wherever `mask` is False.
        mask: (H, W) the region that differs.
        part: the body part ("hand", "face", "body").
        error: what a person would call the error ("extra finger").
        degradation: the operator that made it ("refan_extra_finger").
        box: the mask's bounding box.
        source: the photo's `source`, or the figure's name.
        seed: the seed that the operator was given.
        metrics: the gates' numbers ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside").
        parameters: what the operator was given beside the seed, or chose, where it tells.
    """

    id: str
    prompt: str
    chosen: Image
    rejected: Image
    mask: Mask
    part: str
    error: str
    degradation: str
    box: Box
    source: str
    seed: int
    metrics: Mapping[str, float | None]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompt:
    """A prompt to draw; `facts` are what a judge may check ("gesture" of a figure, "fingers": 3)."""

    id: str
    text: str
    category: str = "all"
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """A generated image: one row of `metadata.jsonl` in an images folder (the ImageFolder convention)."""

    id: str
    file_name: str
    text: str
    prompt_id: str
    category: str
    seed: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """A judge's word on one sample: one row of `judgements.jsonl`.

    Attributes:
        verdict: "correct", "error", or "unscored" when the judge gave no usable answer; an unscored
            sample is never counted as either.
        errors: names of what is wrong; empty unless the verdict is "error".
        reason: for "unscored": "refused", "unreadable", "unreachable"; else the judge's remark.
        score: how bad, where the judge gives a number (higher is worse), else None.
        region: box of the judged part, where the judge finds it, else None.
        evidence: whatever else the judge wants kept (its raw answer, its fit).
        mismatch: what the prompt asked for and the image does not show; kept apart from anatomy, and never
            part of the verdict.
        confidence: the judge's own, in [0, 1] (a share of its votes, say), or None.
    """

    sample_id: str
    prompt_id: str
    seed: int
    category: str
    verdict: Verdict
    errors: tuple[str, ...] = ()
    reason: str = ""
    score: float | None = None
    region: Box | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    mismatch: tuple[str, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True)
class Vote:
    """Which of two images of one prompt shows the better anatomy: one row of `votes.jsonl`.

    Attributes:
        first, second: sample ids, in the order of the models compared, never in that of their display.
        choice: "unscored" when there is no usable answer, with the `reason`.
        rater: who said so: a judge's name, or a person's.
        evidence: whatever else is to be kept (the choice in each order, what was clicked).
    """

    first: str
    second: str
    prompt_id: str
    seed: int
    category: str
    choice: Choice
    rater: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
