"""Near duplicates, and the split that keeps them together and never changes its mind."""

import cv2
import numpy as np
import pytest
from skimage import data

from asap.pairs.hap import duplicates, splits
from asap.pairs.hap.duplicates import CLOSE, groups, perceptual_hash
from asap.pairs.hap.splits import TEST, TRAIN, Shot, assign

PHOTOS = {
    "astronaut": data.astronaut(),
    "cat": data.chelsea(),
    "coffee": data.coffee(),
    "rocket": data.rocket(),
    "face": data.astronaut()[:220, 110:330],
}


def recompressed(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)


COPIES = {
    "smaller": lambda x: cv2.resize(x, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
    "recompressed": recompressed,
    "brighter": lambda x: np.clip(x * 1.2 + 12, 0, 255).astype(np.uint8),
    "darker": lambda x: (x * 0.6).astype(np.uint8),
    "mirrored": lambda x: np.ascontiguousarray(x[:, ::-1]),
    "all": lambda x: recompressed((cv2.resize(x, None, fx=0.5, fy=0.5) * 0.8)[:, ::-1].astype(np.uint8)),
}


def bits(a, b):
    return (int(a, 16) ^ int(b, 16)).bit_count()


@pytest.mark.parametrize("way", COPIES)
def test_copies_are_near_duplicates(way):
    for image in PHOTOS.values():
        assert groups([perceptual_hash(image), perceptual_hash(COPIES[way](image))]) == [[0, 1]]


def test_different_photos_are_not():
    hashes = [perceptual_hash(image) for image in PHOTOS.values()]
    assert groups(hashes) == [[0], [1], [2], [3], [4]]
    assert all(len(value) == 64 for value in hashes)


def test_a_mirrored_picture_differs_in_odd_frequencies_alone():
    plain, mirrored = (perceptual_hash(x) for x in (PHOTOS["cat"], PHOTOS["cat"][:, ::-1].copy()))
    assert bits(plain, mirrored) > 100  # as numbers they are far apart
    even = int("aa" * 32, 16)
    assert (int(plain, 16) ^ int(mirrored, 16)) & even == 0


def hash_at(distance, of=0):
    """A hash that differs from `of` in the first `distance` bits after the unused one."""
    return f"{of ^ (((1 << distance) - 1) << (255 - distance)):064x}"


def test_the_bound_and_blocks(monkeypatch):
    assert groups([hash_at(0), hash_at(CLOSE)]) == [[0, 1]]
    assert groups([hash_at(0), hash_at(CLOSE + 1)]) == [[0], [1]]
    chain = [hash_at(0), hash_at(200), hash_at(70), hash_at(140)]
    assert groups(chain) == [[0, 1, 2, 3]]  # single linkage
    monkeypatch.setattr(duplicates, "BLOCK", 1)
    assert groups(chain) == [[0, 1, 2, 3]]
    assert groups([]) == []


def shots(count, offset=0):
    """Photos that are no near duplicates of each other."""
    rng = np.random.default_rng(offset)
    return {f"{offset}/{i}.jpg": Shot(f"{offset}-{i}", rng.bytes(32).hex()) for i in range(count)}


def settle(photos, share):
    return {
        source: shot._replace(split=split)
        for (source, shot), split in zip(photos.items(), assign(photos, share).values())
    }


def test_the_share_is_about_what_was_asked():
    found = list(assign(shots(2000), 0.1).values())
    assert 150 < found.count(TEST) < 250 and found.count(TEST) + found.count(TRAIN) == 2000
    assert set(assign(shots(50), 0.0).values()) == {TRAIN}


def test_it_depends_on_bytes_alone():
    photos = shots(200)
    renamed = {f"x{source}": shot for source, shot in reversed(photos.items())}
    assert {s[1:]: split for s, split in assign(renamed, 0.3).items()} == assign(photos, 0.3)
    assert assign({s: photos[s] for s in list(photos)[:20]}, 0.3).items() <= assign(photos, 0.3).items()


def test_photos_that_come_later_change_nothing():
    known, before = shots(100), {}
    for round_ in range(1, 4):
        photos = {source: shot._replace(split=before.get(source)) for source, shot in known.items()}
        after = assign(photos, 0.3)
        assert before.items() <= after.items()
        before, known = after, known | shots(100, round_)


def near(shot, distance, content):
    return Shot(content, hash_at(distance, int(shot.perceptual, 16)))


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_a_group_that_grows_stays(split):
    old = Shot("m", "0" * 64, split)
    for number in range(50):  # whatever the newcomer's content, smaller or larger
        assert assign({"old": old, "new": near(old, 30, f"{number:02d}")}, 0.5)["new"] == split


def test_a_group_of_new_photos_stays_together():
    for number in range(50):
        first = Shot(f"a{number}", "0" * 64)
        chain = {"a": first, "b": near(first, 70, f"b{number}"), "c": near(first, 140, f"c{number}")}
        assert len(set(assign(chain, 0.5).values())) == 1


def test_a_bridge_between_splits_is_in_neither():
    a, b = Shot("a", hash_at(0), TRAIN), Shot("b", hash_at(140), TEST)
    assert assign({"a": a, "b": b, "c": Shot("c", hash_at(70))}, 0.5) == {"a": TRAIN, "b": TEST, "c": None}
    assert splits.SPLITS == (TRAIN, TEST)
