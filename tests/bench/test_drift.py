"""Drift by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asap.bench import results
from asap.bench.drift import box_mask, drift, mean_drift
from asap.records import Image, Mask
from bench_runs import write_run


def test_only_what_lies_outside_counts() -> None:
    base = np.zeros((4, 4, 3), np.uint8)
    image = base.copy()
    image[:2] = 255  # the region: as far as it goes
    image[3, 3] = (51, 0, 0)
    region = box_mask((0, 0, 4, 2), 4, 4)
    assert drift(base, image, region) == pytest.approx(0.2 / 3 / 8)
    assert drift(base, image, None) == pytest.approx((8 + 0.2 / 3) / 16)
    assert math.isnan(drift(base, image, np.ones((4, 4), bool)))
    assert drift(image, base, region) == drift(base, image, region)
    with pytest.raises(ValueError, match="differ in size"):
        drift(base, image[:3], None)


def test_boxes_are_clipped() -> None:
    assert box_mask((-3, 1, 2, 99), 3, 4).tolist() == [
        [False] * 4,
        [True, True, False, False],
        [True, True, False, False],
    ]


def test_the_mean_is_over_shared_images_of_equal_size(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "ecc", shade=100)))
    method = results.read(str(write_run(tmp_path / "b", "ec", shade=151)))
    assert mean_drift(base, method) == pytest.approx((0.2, 2, False))
    large = results.read(str(write_run(tmp_path / "c", "ecc", size=9)))
    assert mean_drift(base, large) is None


def test_a_box_makes_it_the_drift_outside(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "ecc", shade=100, region=(0, 0, 8, 4))))
    method = results.read(str(write_run(tmp_path / "b", "ecc", shade=151)))
    assert mean_drift(base, method) == pytest.approx((0.2, 3, True))


def test_a_part_mask_comes_before_boxes(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "ecc", shade=100, region=(0, 0, 8, 8))))
    method = results.read(str(write_run(tmp_path / "b", "ecc", shade=151)))
    seen: list[int] = []

    def part_mask(image: Image, facts: Mapping[str, Any]) -> Mask:
        seen.append(int(image[0, 0, 0]))
        return box_mask((0, 0, 2, 2), *image.shape[:2])

    assert mean_drift(base, method, part_mask) == pytest.approx((0.2, 3, True))
    assert seen == [100, 151] * 3
