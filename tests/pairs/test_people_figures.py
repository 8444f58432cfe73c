"""`asap figures --kind people`: exact pairs of whole people, every error in its turn."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import datasets
import numpy as np
import pytest

from asap import store
from asap.anatomy.people_errors import PEOPLE_ERRORS, extent, skeleton_of, with_error, with_skeleton
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.errors import UserError
from asap.figures.people import scenes
from asap.figures.people.catalogue import CATEGORIES
from asap.figures.people.render import render_people
from asap.pairs import figures
from asap.pairs.drawn import people_figures

SMALL = {"kind": "people", "pairs": 12, "size": 128, "prompts": 10}


def drawn(folder: Path, **change: object) -> Path:
    return figures.run(figures.Config(folder, **(SMALL | change)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("people") / "hap")


def test_pairs_are_exact_and_seen(people: Path) -> None:
    rows = datasets.load_dataset(str(people), split="train")
    assert len(rows) == 12 and len(set(rows["id"])) == 12
    for row in rows:
        chosen, rejected, mask = (np.asarray(row[name]) for name in ("chosen", "rejected", "mask"))
        assert chosen.shape == (128, 128, 3)
        assert np.array_equal(chosen[mask == 0], rejected[mask == 0])
        left, top, right, bottom = row["box"]
        assert mask[top:bottom, left:right].sum() == mask.sum()
        assert min(right - left, bottom - top) >= 12 and (mask > 0).mean() < 0.6
        table = SKELETON_ERRORS[row["degradation"].removeprefix("skeleton_")]
        assert (row["part"], row["error"]) == table[:2]
        assert row["source"] == f"figure {row['seed']}" and row["ssim_inside"] < row["ssim_outside"]


@pytest.mark.parametrize("look", [0.0, 1.0])
def test_masks_are_clean_shapes_that_hold_all_that_differs(look: float) -> None:
    crumbs = 0
    for number in range(len(PEOPLE_ERRORS)):
        pair = people_figures.pair(0, number, 256, look=look)
        changed = (pair.chosen != pair.rejected).any(axis=-1)
        assert not (changed & ~pair.mask).any()
        assert count_of(pair.mask, 8) <= 2  # both eyes, both sides of a face
        assert count_of(~pair.mask, 4) == 1  # no holes
        assert pair.mask.sum() < 2.7 * changed.sum()
        crumbs += count_of(changed, 8)
    assert crumbs > 2 * len(PEOPLE_ERRORS)  # what differs is crumbly where shading comes out equal


def count_of(mask: np.ndarray, neighbours: int) -> int:
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=neighbours)[0] - 1


def test_the_same_seed_gives_the_same_bytes(people: Path, tmp_path: Path) -> None:
    again = drawn(tmp_path / "hap")
    files = sorted(
        p.relative_to(people) for p in people.rglob("*") if p.is_file() and p.name != "config.json"
    )
    assert files
    assert all((people / file).read_bytes() == (again / file).read_bytes() for file in files)


def test_a_pair_depends_on_the_seed_and_its_number_alone(people: Path) -> None:
    row = list(figures.dataset.read(people, ["id", "seed"]))[5]
    pair = people_figures.pair(0, 5, 128)
    assert (pair.id, pair.seed) == (row["id"], row["seed"])
    assert people_figures.pair(1, 5, 128).seed != pair.seed


def test_every_error_has_its_turn() -> None:
    """Without rendering: the first draft of nearly every number is of the error whose turn it is."""
    first = [next(people_figures.drafts(3, number)).error for number in range(3 * len(PEOPLE_ERRORS))]
    counts = Counter(first)
    assert set(counts) == set(PEOPLE_ERRORS)
    assert max(counts.values()) <= 5


def test_the_captions_are_those_of_the_drafts_scenes() -> None:
    for draft in islice(people_figures.drafts(0, 1), 30):
        assert draft.scene.caption
        assert extent(draft.correct, draft.faulty) > 0


def test_a_figure_through_its_skeleton_is_itself() -> None:
    figure = scenes.figure(scenes.scene(3, "waving"))
    again = with_skeleton(figure, skeleton_of(figure))
    assert extent(figure, again) == 0 and again.depths is figure.depths


def test_what_is_held_stays_where_it_is() -> None:
    figure = scenes.figure(scenes.scene(4, "holding umbrella"))
    holder = f"{figure.look.holder}_hand"
    said = set()
    for seed in range(12):
        try:
            faulty = with_error(figure, "missing_limb", random.Random(seed))
        except NotPossible as reason:
            said.add(str(reason))
        else:
            assert np.array_equal(getattr(faulty, holder), getattr(figure, holder))
    assert said == {"the object would go with the hand"}


def test_the_part_beyond_a_break_of_a_long_sleeve_is_painted() -> None:
    figure = scenes.figure(scenes.scene(1, "arms wide"))
    figure = replace(figure, look=replace(figure.look, sleeves="long", background="cream", scenery="plain"))
    for seed in range(6):
        with np.errstate(invalid="raise"):
            render_people([with_error(figure, "broken_limb", random.Random(seed))], 128)


def test_prompts_have_facts_and_all_categories(people: Path) -> None:
    rows = list(store.read_rows(people / figures.PROMPTS))
    assert Counter(row["category"] for row in rows) == dict.fromkeys(CATEGORIES, 2)
    assert all(row["facts"]["category"] == row["category"] for row in rows)
    assert all(row["facts"]["skin"] in row["text"] for row in rows)


def test_a_size_that_people_do_not_have(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--size 32: must lie between 64 and 1024 for people") as error:
        drawn(tmp_path / "hap", size=32)
    assert "\n" not in str(error.value)


def test_the_look_keeps_pairs_exact(tmp_path: Path) -> None:
    out = drawn(tmp_path / "hap", look=1.0, pairs=8, prompts=0)
    rows = list(datasets.load_dataset(str(out), split="train"))
    plain = {pair.seed: pair for pair in (people_figures.pair(0, number, 128) for number in range(8))}
    assert len(plain.keys() & {row["seed"] for row in rows}) >= 6
    for row in rows:
        chosen, rejected, mask = (np.asarray(row[name]) for name in ("chosen", "rejected", "mask"))
        assert np.array_equal(chosen[mask == 0], rejected[mask == 0])
        if row["seed"] in plain:
            other = plain[row["seed"]]
            assert row["id"] != other.id and row["prompt"] == other.prompt
            assert np.abs(chosen.astype(int) - other.chosen).mean() > 5
            assert (other.mask & (mask == 255)).sum() > 0.9 * (other.mask | (mask == 255)).sum()


def test_a_biased_collection_is_of_few_kinds_and_of_every_error() -> None:
    found = [next(people_figures.drafts(2, number, biased=True)) for number in range(3 * len(PEOPLE_ERRORS))]
    assert {draft.error for draft in found} == set(PEOPLE_ERRORS)
    assert {draft.scene.pose for draft in found} <= set(scenes.COMMON)
    for name, kinds in (("skin", 2), ("background", 2), ("scenery", 2), ("top", 10)):
        assert len({getattr(draft.scene.look, name) for draft in found}) == kinds
