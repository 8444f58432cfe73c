"""One degradation on one region: its candidates are composited, measured, gated, and the best is kept."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.pairs import worker
from asap.pairs.checks import semantics
from asap.pairs.checks.gates import Gates, Target
from asap.pairs.degradations import Entry, Unsuitable
from asap.records import Image, Pair, Region
from asap.store import Row

SIDE = 128
IMAGE = np.random.default_rng(3).integers(60, 196, (SIDE, SIDE, 3)).astype(np.uint8)
POINTS = np.random.default_rng(0).uniform(40, 90, (21, 2))
HAND = Region("hand", np.ones((SIDE, SIDE), bool), POINTS, 0.9)
BOX = np.s_[40:80, 44:92]


def mixed(amount: float) -> Image:
    """The picture with its box mixed with its mirror image: the more, the less alike."""
    edited = IMAGE.astype(float)
    edited[BOX] += amount * (edited[BOX][:, ::-1] - edited[BOX])
    return np.clip(edited, 0, 255).astype(np.uint8)


def faint(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    return mixed(0.29 * strength)


def strong(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    if strength >= 1:
        raise Unsuitable("no room")
    return mixed(0.6 * strength)


def several(image: Image, region: Region, rng: random.Random) -> Iterator[Image]:
    for amount in (0.05, 1.0, 0.6, 0.42):
        yield mixed(amount)


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("faint", "strong", "several")
    entries = {name: Entry("hand", f"{name} error", f"{__name__}:{name}") for name in names}
    monkeypatch.setattr("asap.pairs.rules.DEGRADATIONS", entries)


def tried(name: str, **rules: object) -> tuple[Pair | None, str, Row]:
    facts: Row = {"id": "x", "prompt": "", "part": "hand", "error": f"{name} error", "degradation": name}
    facts |= {"source": "x.png", "seed": 5, "box": None, "metrics": {}}
    settings = {"gates": Gates(0.85, 0.5), **rules}
    pair, reason = worker.attempt(IMAGE, HAND, facts, worker.Rules(SIDE, (name,), 1, 1, 0, **settings))  # type: ignore[arg-type]
    return pair, reason, facts


def test_of_several_candidates_the_nearest_to_the_target_is_kept() -> None:
    kept = {}
    for wanted in (0.2, 0.6, 0.8):
        pair, _, _ = tried("several", target=Target(ssim_inside=wanted))
        assert pair is not None
        kept[wanted] = pair.metrics["ssim_inside"]
    assert kept[0.2] < kept[0.6] < kept[0.8] <= 0.85
    assert "strength" not in pair.metrics


def test_an_edit_that_is_hardly_seen_is_made_stronger() -> None:
    _, reason, facts = tried("faint", tries=1)
    assert "hardly visible" in reason and facts["metrics"]["strength"] == 1
    pair, _, _ = tried("faint", target=Target(ssim_inside=0.8, bands=(0.2, 0.2, 0.5, 0.2)))
    assert pair is not None and pair.metrics["strength"] > 1
    assert pair.parameters == {"strength": pair.metrics["strength"]}
    assert pair.metrics["ssim_inside"] < facts["metrics"]["ssim_inside"]


def test_an_edit_that_raises_at_its_own_strength_is_made_weaker() -> None:
    pair, _, _ = tried("strong")
    assert pair is not None and 0.5 <= pair.metrics["strength"] < 1


def test_a_pair_whose_error_is_not_seen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, passes in ((0.4, False), (2.5, True), (None, True)):
        monkeypatch.setattr(worker, "evidence", lambda *arguments, value=found: value)
        pair, reason, facts = tried("several")
        assert (pair is not None) == passes
        assert facts["metrics"]["evidence"] == found
        assert passes or reason == "the error is not to be seen"
    monkeypatch.undo()
    monkeypatch.setattr(
        "asap.pairs.rules.DEGRADATIONS", {"several": Entry("hand", "x", f"{__name__}:several")}
    )
    asked: list[str] = []
    monkeypatch.setattr(worker, "evidence", lambda *arguments: asked.append(arguments[-1]))
    tried("several", checks="none")
    assert set(asked) == {"none"} and semantics.evidence("extra finger", IMAGE, IMAGE, HAND, "none") is None


def test_the_same_attempt_gives_the_same_pair() -> None:
    first, again = tried("faint")[0], tried("faint")[0]
    assert first is not None and again is not None
    assert first.metrics == again.metrics and np.array_equal(first.rejected, again.rejected)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_pixel_outside_the_mask_is_ever_changed(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, 100)), data.draw(st.integers(0, 100))
    wide, high = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    amount = data.draw(st.floats(-255, 255))
    edited = IMAGE.astype(float)
    edited[top : top + high, left : left + wide] += amount
    rules = worker.Rules(SIDE, (), 1, 1, 0, Gates(1, 0, smallest=0), checks="none")
    found = worker.measured(IMAGE, HAND, "x", rules, np.clip(edited, 0, 255).astype(np.uint8))
    if found.made is not None:
        differs = (found.made.negative != IMAGE).any(axis=-1)
        assert not (differs & ~found.made.mask).any()
        left, top, right, bottom = found.made.box
        assert found.made.mask[top:bottom, left:right].sum() == found.made.mask.sum()
