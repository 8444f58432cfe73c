"""Rewards with their published weights against values that their own packages give; see docs/rewards.md.

`ASAP_TEST_PICKSCORE` and the like name a folder with `golden.jsonl`, a row {"file_name", "text", "score"} an
image that lies beside it, and `setup.json`, the fields of `Setup`. Where it is not set nothing runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asap.bench.reward import REWARDS
from asap.bench.rewards.reward import Setup
from asap.bench.samples import read_image
from asap.lookup import choose
from asap.store import read_rows

TOLERANCES = {
    "aesthetic": 0.01,
    "hpsv2": 5e-4,
    "hpsv3": 0.1,
    "imagereward": 0.01,
    "pickscore": 0.02,
    "vqascore": 0.02,
}


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_scores_are_those_of_its_own_package(name: str) -> None:
    place = os.environ.get(f"ASAP_TEST_{name.upper()}")
    if not place:
        pytest.skip(f"ASAP_TEST_{name.upper()} is not set")
    folder = Path(place)
    given = json.loads((folder / "setup.json").read_text())
    if given.get("instruction"):
        given["instruction"] = Path(given["instruction"])
    rows = list(read_rows(folder / "golden.jsonl"))
    images = [read_image(folder / row["file_name"]) for row in rows]
    assert rows and all(image is not None for image in images)
    found = choose(REWARDS, name, "reward")(Setup(**given)).score(images, [row["text"] for row in rows])
    assert found == pytest.approx([row["score"] for row in rows], abs=TOLERANCES[name])
