"""Pictures of the embedded world as its judges read them: of one size, each of a known subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.judge import NO_IMAGE
from asap.bench.samples import read_image
from asap.errors import UserError
from asap.records import Image, Judgement, Sample

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Drawn(Generic[Subject]):
    """One kind of pictures of the embedded world.

    Attributes:
        size: pixels a side.
        subject_of: what a sample ought to show; it raises `UserError` for a sample that is of another kind.
        examine: samples, their pictures (N, size, size, 3) and their subjects -> one judgement each.
        chunk: how many pictures are examined at once.
    """

    size: int
    subject_of: Callable[[Sample], Subject]
    examine: Callable[[Sequence[Sample], NDArray[np.uint8], Sequence[Subject]], Iterable[Judgement]]
    chunk: int = 256

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """What `examine` says of the pictures in the folder `images`, some at a time; pictures that are
        missing or damaged are unscored.

        Raises:
            UserError: samples of another kind.
        """
        for start in range(0, len(samples), self.chunk):
            chunk = [(sample, self.subject_of(sample)) for sample in samples[start : start + self.chunk]]
            pictures = [self.read(images / sample.file_name) for sample, _ in chunk]
            yield from (_unreadable(s) for (s, _), picture in zip(chunk, pictures) if picture is None)
            readable = [(*named, picture) for named, picture in zip(chunk, pictures) if picture is not None]
            if readable:
                there, subjects, pixels = zip(*readable, strict=True)
                yield from self.examine(there, np.stack(pixels), subjects)

    def read(self, path: Path) -> Image | None:
        """The picture (size, size, 3), or None where there is none that can be read.

        Raises:
            UserError: a picture of another size.
        """
        picture = read_image(path)
        if picture is None:
            return None
        if picture.shape != (self.size, self.size, 3):
            raise UserError(
                f"{path} is not a {self.size} x {self.size} figure; judge photos with --judge vlm"
            )
        return picture


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
