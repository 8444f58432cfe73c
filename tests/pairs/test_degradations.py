"""What every degradation keeps to, on people drawn with exact keypoints."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from asap.lookup import choose
from asap.pairs.degradations import DEGRADATIONS, Degradation, Unsuitable, first_possible
from asap.records import Image, Region
from drawn_people import drawn_body, drawn_hand, portrait

DRAWN: dict[str, Callable[[], tuple[Image, Region]]] = {
    "hand": drawn_hand,
    "face": portrait,
    "body": drawn_body,
}
FAR = {"small_head": 1.8, "large_head": 2.4, "long_neck": 2.4, "large_ear": 0.5}
"""The same for errors that move more than their part."""
POINTS = {"hand": 21, "face": 68, "body": 23}
REACH = {"hand": 1.0, "face": 0.3, "body": 0.6}
"""How far outside the keypoints' box an edit may reach, as a fraction of the box's longer side."""


def degradation(name: str) -> Degradation:
    function: Degradation = choose({name: DEGRADATIONS[name].function}, name, "degradation")
    return function


def test_table_names_every_part() -> None:
    assert {entry.part for entry in DEGRADATIONS.values()} == {"hand", "face", "body"}
    assert all(entry.error for entry in DEGRADATIONS.values())


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_error_is_made_in_a_copy_and_stays_near_the_part(name: str) -> None:
    image, region = DRAWN[DEGRADATIONS[name].part]()
    before, mask, points = image.copy(), region.mask.copy(), region.keypoints.copy()
    edited = degradation(name)(image, region, random.Random(1))
    assert edited.shape == image.shape and edited.dtype == np.uint8
    assert np.array_equal(image, before)
    assert np.array_equal(region.mask, mask) and np.array_equal(region.keypoints, points, equal_nan=True)
    known = points[np.isfinite(points).all(axis=1)]
    reach = FAR.get(name, REACH[region.part]) * np.ptp(known, axis=0).max()
    low, high = known.min(axis=0) - reach, known.max(axis=0) + reach
    rows, columns = np.nonzero((edited != image).any(axis=-1))
    assert (columns > low[0]).all() and (columns < high[0]).all()
    assert (rows > low[1]).all() and (rows < high[1]).all()
    strong = (np.abs(edited.astype(int) - image).max(axis=-1) > 30).sum()
    assert strong > 0.004 * np.ptp(known, axis=0).prod(), "the error is too small to be seen"


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_same_seed_gives_the_same_picture_and_another_seed_another(name: str) -> None:
    image, region = DRAWN[DEGRADATIONS[name].part]()
    edit = degradation(name)
    first = edit(image, region, random.Random(1))
    assert np.array_equal(first, edit(image, region, random.Random(1)))
    others = (edit(image, region, random.Random(seed)) for seed in (2, 3, 4, 5))
    assert any(not np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("spoil", ["nan", "outside", "one point", "tiny", "wrong count"])
def test_bad_points_are_unsuitable(name: str, spoil: str) -> None:
    image, region = DRAWN[DEGRADATIONS[name].part]()
    middle = np.nanmean(region.keypoints, axis=0)
    points = {
        "nan": np.full_like(region.keypoints, np.nan),
        "outside": region.keypoints + 10_000,
        "one point": np.broadcast_to(middle, region.keypoints.shape).copy(),
        "tiny": middle + (region.keypoints - middle) / 20,
        "wrong count": region.keypoints[:5],
    }[spoil]
    with pytest.raises(Unsuitable):
        degradation(name)(image, Region(region.part, region.mask, points, 1.0), random.Random(0))


@settings(max_examples=10, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("part", POINTS)
def test_any_points_give_a_picture_or_unsuitable(part: str, data: st.DataObject) -> None:
    coordinates = st.one_of(st.floats(-50, 300, width=32), st.just(float("nan")))
    points = data.draw(arrays.arrays(np.float64, (POINTS[part], 2), elements=coordinates))
    mask = data.draw(arrays.arrays(bool, (12, 16))).repeat(20, axis=0).repeat(16, axis=1)
    image = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
    _try_all(part, image, Region(part, mask, points, 1.0))


@settings(max_examples=10, deadline=None)
@given(
    shift=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
    scale=st.floats(0.3, 1.6),
    jitter=st.floats(0, 12),
    seed=st.integers(0, 2**32),
)
@pytest.mark.parametrize("part", POINTS)
def test_wrong_landmarks_never_crash(
    part: str, shift: tuple[float, float], scale: float, jitter: float, seed: int
) -> None:
    image, region = DRAWN[part]()
    middle = np.nanmean(region.keypoints, axis=0)
    noise = np.random.default_rng(seed).normal(0, jitter, region.keypoints.shape)
    points = middle + np.array(shift) + (region.keypoints - middle) * scale + noise
    _try_all(part, image, Region(part, region.mask, points, 1.0))


def _try_all(part: str, image: Image, region: Region) -> None:
    for name in (name for name, entry in DEGRADATIONS.items() if entry.part == part):
        try:
            edited = degradation(name)(image, region, random.Random(0))
        except Unsuitable:
            continue
        assert edited.shape == image.shape and edited.dtype == np.uint8


def test_first_possible_goes_on_to_what_works_and_keeps_the_last_reason() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)

    def edit(option: int) -> Image:
        if option < 3:
            raise Unsuitable(f"reason {option}")
        return picture

    assert first_possible([1, 3, 2], edit) is picture
    with pytest.raises(Unsuitable, match="reason 2"):
        first_possible([1, 2], edit)


@pytest.mark.skipif("ASAP_TEST_PHOTOS" not in os.environ, reason="ASAP_TEST_PHOTOS names no folder of photos")
def test_photos_give_errors_of_every_kind() -> None:
    pytest.importorskip("mediapipe")
    from asap.anatomy.detectors.mediapipe import find_regions
    from asap.pairs.photos import read_photo

    made: set[str] = set()
    for path in sorted(Path(os.environ["ASAP_TEST_PHOTOS"]).glob("*.jpg"), reverse=True):
        if made == set(DEGRADATIONS):
            break
        image = read_photo(path, 640)
        for region in find_regions(image):
            for name, entry in DEGRADATIONS.items():
                if entry.part != region.part or name in made:
                    continue
                try:
                    edited = degradation(name)(image, region, random.Random(0))
                except Unsuitable:
                    continue
                assert 0 < (edited != image).any(axis=-1).mean() < 0.5
                made.add(name)
    assert made == set(DEGRADATIONS)
