"""The judge `landmarks`: a detector finds hands, faces and bodies, and tests say if they are plausible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from asap.anatomy.detectors import load
from asap.anatomy.detectors.detector import Choice, Detector, Unusable
from asap.anatomy.detectors.views import shrunk
from asap.bench.judges.judge import NO_IMAGE
from asap.bench.judges.landmarks.settings import Options
from asap.bench.judges.landmarks.table import TESTS, Measured, measure, thresholds
from asap.bench.samples import read_image
from asap.records import Box, Image, Judgement, Photo, Region, Sample, Verdict

NOTHING = "nothing to judge"
LARGEST = 1024
"""Longest side of what detectors see, in pixels; larger images are scaled down."""


class Landmarks:
    """Says "error" where one test or more lies above its threshold, else "correct"."""

    name = "landmarks"

    def __init__(self, options: Options, _: Path) -> None:
        """Raises UserError: no such detector, or files or packages that are missing or do not fit."""
        files, device = options.detector_files, options.detector_device
        self.choice = load.prepare(Choice(options.detector, files, device, options.detector_points))
        self.thresholds = thresholds(options.detector)

    @property
    def settings(self) -> Mapping[str, object]:
        return {"detector": load.identity(self.choice), "thresholds": dict(self.thresholds)}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """One judgement per sample, in their order; unscored where nothing is found that can be tested."""
        detector = load.load(self.choice)
        for sample in samples:
            image = read_image(images / sample.file_name)
            if image is None:
                yield _about(sample, "unscored", reason=NO_IMAGE)
                continue
            try:
                yield self._judge(detector, image, images, sample)
            except Unusable as reason:
                yield _about(sample, "unscored", reason=NOTHING, evidence={"message": str(reason)})

    def _judge(self, detector: Detector, image: Image, images: Path, sample: Sample) -> Judgement:
        seen = shrunk(image, LARGEST)
        photo = Photo(sample.id, images / sample.file_name, sample.file_name)
        scale = image.shape[1] / seen.shape[1]
        return judged(sample, seen, detector.find(seen, photo), self.thresholds, scale)


def judged(
    sample: Sample, image: Image, regions: list[Region], limits: Mapping[str, float], scale: float = 1.0
) -> Judgement:
    """What the tests say of the `regions` of `image`.

    The score is the largest ratio of a test's number to its threshold, so above 1 for an error; the region is
    the part that this test is of. `evidence` has the parts found, how many numbers were told, and of each
    test above its threshold the name, number, threshold and box. Boxes are `scale` times those in `image`.
    """
    told = [each for each in measure(image, regions) if each.test in limits]
    found: dict[str, Any] = {"found": dict(Counter(region.part for region in regions)), "told": len(told)}
    if not told:
        return _about(sample, "unscored", reason=NOTHING, evidence=found)
    told.sort(key=lambda each: -each.score / limits[each.test])
    rows = [_row(each, limits, scale) for each in told if each.score > limits[each.test]]
    return _about(
        sample,
        "error" if rows else "correct",
        errors=tuple(sorted({TESTS[row["test"]].error for row in rows})),
        score=round(told[0].score / limits[told[0].test], 4),
        region=rows[0]["box"] if rows else None,
        evidence={**found, "tests": rows},
    )


def _row(measured: Measured, limits: Mapping[str, float], scale: float) -> dict[str, Any]:
    left, top, right, bottom = (round(scale * side) for side in measured.box)
    box: Box = (left, top, right, bottom)
    limit = limits[measured.test]
    return {"test": measured.test, "score": round(measured.score, 4), "threshold": limit, "box": box}


def _about(sample: Sample, verdict: Verdict, **rest: Any) -> Judgement:
    return Judgement(sample.id, sample.prompt_id, sample.seed, sample.category, verdict, **rest)
