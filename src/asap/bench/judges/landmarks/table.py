"""The table of tests: what each looks at, the error that it names, and the threshold above which it does."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import NamedTuple

from asap.anatomy.keypoints import box_of
from asap.anatomy.people import Person, people_of
from asap.bench.judges.landmarks import geometry, pixels
from asap.records import Box, Image, Region

OTHERS = "given"
"""The set of thresholds for detectors that have none of their own."""


class Test(NamedTuple):
    """One row: the part that it looks at, the error that it names, and its function."""

    part: str
    error: str
    function: Callable[..., float | None]


TESTS: dict[str, Test] = {
    "fingers_more": Test("hand and pixels", "extra finger", pixels.fingers_more),
    "fingers_fewer": Test("hand and pixels", "missing finger", pixels.fingers_fewer),
    "finger_aside": Test("hand", "broken finger", geometry.finger_aside),
    "finger_long": Test("hand", "stretched finger", geometry.finger_long),
    "finger_short": Test("hand", "shortened finger", geometry.finger_short),
    "finger_root": Test("hand", "misconnected finger", geometry.finger_root),
    "hand_large": Test("hand and face", "oversized hand", geometry.hand_large),
    "hand_small": Test("hand and face", "undersized hand", geometry.hand_small),
    "eyes_askew": Test("face", "displaced eye", geometry.eyes_askew),
    "eyes_turned": Test("face", "distorted eyes", geometry.eyes_turned),
    "eyes_unequal": Test("face", "unequal eyes", geometry.eyes_unequal),
    "mouth_turned": Test("face", "twisted mouth", geometry.mouth_turned),
    "mouth_aside": Test("face", "displaced mouth", geometry.mouth_aside),
    "limb_long": Test("body", "mis-scaled limb", geometry.limb_long),
    "limbs_unequal": Test("body", "mis-scaled limb", geometry.limbs_unequal),
    "knee_reversed": Test("body", "reversed joint", geometry.knee_reversed),
    "limbs_cut": Test("body and frame", "missing limb", geometry.limbs_cut),
    "hands_at_wrist": Test("body and hands", "second hand", geometry.hands_at_wrist),
    "hands_unfound": Test("body and hands", "missing hand", geometry.hands_unfound),
    "hand_doubt": Test("hand's score", "distorted hand", geometry.hand_doubt),
    "hands_surplus": Test("all hands", "extra hand", geometry.hands_surplus),
}
"""Name -> its part, error and function."""


class Measured(NamedTuple):
    """What a test says of one part: its number, and the box of that part."""

    test: str
    score: float
    box: Box


def measure(image: Image, regions: list[Region]) -> list[Measured]:
    """What every test says of every part in `image` that it can tell anything of."""
    size = image.shape[:2]
    return [
        Measured(name, score, box_of(region.keypoints, 0, *size))
        for name, test in TESTS.items()
        for region, arguments in _parts(test.part, image, regions)
        if (score := test.function(*arguments)) is not None
    ]


def _parts(part: str, image: Image, regions: list[Region]) -> Iterator[tuple[Region, tuple[object, ...]]]:
    """The regions that a test of `part` looks at, each with the arguments of its function."""
    found: dict[str, list[Region]] = {"hand": [], "face": [], "body": []}
    for region in regions:
        found[region.part].append(region)
    hands, shape = [hand.keypoints for hand in found["hand"]], image.shape[:2]
    counts = tuple(len(found[each]) for each in ("hand", "body", "face"))
    views: dict[str, Iterator[tuple[Region, tuple[object, ...]]]] = {
        **{each: ((one, (one.keypoints,)) for one in found[each]) for each in found},
        "hand and pixels": ((hand, (hand.keypoints, image)) for hand in found["hand"]),
        "hand's score": ((hand, (hand.score,)) for hand in found["hand"]),
        "hand and face": ((hand, (hand.keypoints, face.keypoints)) for hand, face in _with_faces(regions)),
        "body and frame": ((body, (body.keypoints, *shape)) for body in found["body"]),
        "body and hands": ((body, (hands, body.keypoints)) for body in found["body"]),
        "all hands": ((hand, counts) for hand in found["hand"][:1]),
    }
    return views[part]


def _with_faces(regions: list[Region]) -> Iterator[tuple[Region, Region]]:
    """Each hand with the face of its person, where a body ties them together."""
    person: Person
    for person in people_of(regions):
        for hand in (person.left_hand, person.right_hand):
            if hand is not None and person.face is not None:
                yield hand, person.face


@functools.cache
def thresholds(detector: str) -> Mapping[str, float]:
    """Test -> the number above which it speaks, of those that speak at all with this detector's points."""
    text = files(__package__).joinpath("thresholds.json").read_text(encoding="utf-8")
    sets: dict[str, dict[str, float]] = json.loads(text)["thresholds"]
    return sets.get(detector, sets[OTHERS])
