"""Crops of photos are found, whatever else they went through, and different photos are not taken for such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

import hap
from asap.pairs.hap import crops, dataset, splits, terms, thumbnails
from asap.pairs.hap.duplicates import perceptual_hash
from asap.pairs.hap.splits import Shot
from asap.pairs.hap.terms import Terms
from asap.records import Image
from asap.store import Row

PHOTOS = [
    np.ascontiguousarray(image[..., :3])
    for image in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), data.immunohistochemistry())
]


def cropped(image: Image, area: float, mirrored: bool) -> Image:
    """The corner of the photo that has this share of it, smaller, and as JPEG."""
    height, width = (round(side * area**0.5) for side in image.shape[:2])
    part = image[-height:, :width]
    if mirrored:
        part = np.ascontiguousarray(part[:, ::-1])
    small = cv2.resize(part, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], 1))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("area", [0.6, 0.8])
def test_crops_are_found_and_nothing_else(area: float, mirrored: bool) -> None:
    both = [*PHOTOS, *(cropped(image, area, mirrored) for image in PHOTOS)]
    found = list(crops.crop_pairs([crops.thumbnail(image) for image in both]))
    assert found == [(index, index + len(PHOTOS)) for index in range(len(PHOTOS))]
    hashes = [perceptual_hash(both[index]) for index in (1, 1 + len(PHOTOS))]
    assert splits.duplicates.groups(hashes) == [[0], [1]]  # which these do not see


def test_photos_that_share_a_part_are_no_crops() -> None:
    """Corners of a frame that two photos have fit, but not the other pixels."""
    other = cv2.resize(PHOTOS[1], PHOTOS[0].shape[1::-1])
    other[:, :260] = PHOTOS[0][:, :260]
    small = [crops.thumbnail(image) for image in (PHOTOS[0], other)]
    first, second = (crops._corners(crops._opened(each)) for each in small)
    assert crops.similarity(first, second) is not None
    assert list(crops.crop_pairs(small)) == []


def test_pictures_without_corners_are_nobodys_crops() -> None:
    plain = [crops.thumbnail(np.full((90, 120, 3), shade, np.uint8)) for shade in (40, 41, 200)]
    assert list(crops.crop_pairs(plain)) == []
    assert list(crops.crop_pairs([])) == []


def test_each_is_compared_with_the_nearest_alone() -> None:
    pairs, often = np.array([1, 2, 3, 12]), np.array([4, 9, 5, 4])  # of 10: 0-1, 0-2, 0-3, 1-2
    assert crops.nearest(pairs, often, 10, most=1) == [(0, 1), (0, 2), (0, 3), (1, 2)]
    many = np.array([1, 2, 3, 13, 23])  # 0-3 is the best of neither
    assert crops.nearest(many, np.array([9, 8, 4, 8, 9]), 10, most=1) == [(0, 1), (0, 2), (1, 3), (2, 3)]


def test_alike_photos_share_a_split_and_a_bridge_is_in_neither() -> None:
    names = [f"{index}.png" for index in range(40)]
    photos = {name: Shot(name, f"{index * 7919:064x}"[:64]) for index, name in enumerate(names)}
    photos = {
        name: shot._replace(perceptual=f"{np.random.default_rng(index).integers(2**63):016x}" * 4)
        for index, (name, shot) in enumerate(photos.items())
    }
    alone = splits.assign(photos, 0.5)
    together = splits.assign(photos, 0.5, list(zip(names[::2], names[1::2])))
    assert any(alone[a] != alone[b] for a, b in zip(names[::2], names[1::2]))
    assert all(together[a] == together[b] for a, b in zip(names[::2], names[1::2]))
    settled = {
        "a": Shot("a", photos["0.png"].perceptual, "train"),
        "b": Shot("b", photos["1.png"].perceptual, "test"),
        "c": Shot("c", photos["2.png"].perceptual),
    }
    assert splits.assign(settled, 0.5, [("a", "c"), ("b", "c")])["c"] is None


def row_of(picture: Image, index: int) -> Row:
    """A pair of that photo."""
    mask = np.zeros(picture.shape[:2], bool)
    mask[20:60, 20:60] = True
    rejected = np.where(mask[..., None], 255 - picture, picture)
    pair = replace(
        hap.pair(index),
        chosen=picture,
        rejected=rejected,
        mask=mask,
        box=(20, 20, 60, 60),
        source=f"{index}.png",
    )
    told = {"source_hash": f"{index:016x}", "perceptual_hash": perceptual_hash(picture)}
    return dataset.encode(pair, None, told)


def test_a_plan_knows_the_crops_of_what_is_there(tmp_path: Path) -> None:
    """A crop of a photo of the dataset joins it in its split, by small pictures that are kept."""
    rows = [row_of(cv2.resize(image, None, fx=0.6, fy=0.6), index) for index, image in enumerate(PHOTOS)]
    folder, held = tmp_path / "hap", {"1.png": "test"}
    dataset.write(folder, rows, title="HAP", splits=held, test_share=0.25)
    part = cropped(PHOTOS[1], 0.7, False)
    dataset.write_shard(tmp_path / "new.parquet", [row_of(part, 9)])
    made = terms.plan(folder, [tmp_path / "new.parquet"], Terms(test_share=0.25))
    assert made.splits == {f"{i}.png": "test" if i in (1, 9) else "train" for i in (*range(5), 9)}
    kept = (folder / thumbnails.FILE).read_bytes()
    assert terms.plan(folder, [tmp_path / "new.parquet"], Terms(test_share=0.25)) == made
    assert (folder / thumbnails.FILE).read_bytes() == kept
