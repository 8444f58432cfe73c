"""Reading judged models and comparing them, by hand-counted verdicts."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from asap.bench import results
from asap.bench.kinds import error_kinds, kind_changes
from asap.bench.statistics import wilson
from asap.errors import UserError
from asap.records import Judgement
from asap.store import append_rows
from bench_runs import write_run


def test_rates_leave_the_unscored_out_and_count_them(tmp_path: Path) -> None:
    method = results.read(str(write_run(tmp_path / "a", "eecccru")))
    found = results.rate(method.judgements.values())
    assert (found.errors, found.scored, found.judged) == (2, 5, 7)
    assert found.aer == pytest.approx(0.4) and found.interval == wilson(2, 5)
    assert found.unscored == {"refused": 1, "unreachable": 1}
    assert math.isnan(results.rate([]).aer)


def test_a_comparison_uses_only_what_both_scored(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "eeeccccru")))
    method = results.read(str(write_run(tmp_path / "b", "ccreecrcc")))
    found = results.versus(base, method)
    assert found is not None
    assert found.paired[:4] == (2, 2, 1, 0)
    assert found.difference == pytest.approx(0.0) and found.p == 1.0
    assert found.interval is None and found.prompts == 5


@pytest.mark.parametrize(
    ("before", "after", "seeds", "better"),
    [
        ("ee", "cc", 1, False),  # two prompts say nothing
        ("e" * 6, "c" * 6, 1, True),  # six wins of six have p = 1/32
        ("e" * 6, "c" * 6, 3, False),  # of two prompts, they are not independent
        ("e" * 30, "c" * 12 + "e" * 18, 1, True),
        ("e" * 29 + "c", "c" * 4 + "e" * 26, 1, False),
        ("c" * 12, "e" * 12, 1, False),  # worse is not better
    ],
)
def test_better_needs_more_than_luck(
    tmp_path: Path, before: str, after: str, seeds: int, better: bool
) -> None:
    base = results.read(str(write_run(tmp_path / "a", before, seeds=seeds)))
    method = results.read(str(write_run(tmp_path / "b", after, seeds=seeds)))
    found = results.versus(base, method)
    assert found is not None and found.better is better


def test_a_comparison_of_nothing_is_none(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "er")))
    method = results.read(str(write_run(tmp_path / "b", "re")))
    assert results.versus(base, method) is None


def test_categories_are_tested_together(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "e" * 12, categories=("hands", "feet"))))
    method = results.read(str(write_run(tmp_path / "b", "ce" * 6, categories=("hands", "feet"))))
    names = results.categories([base, method])
    assert names == ["hands", "feet"]
    found = results.by_category(base, method, names)
    assert {name: v.p for name, v in found.items()} == {"hands": pytest.approx(4 / 64), "feet": 1.0}
    assert found["hands"].difference == -1


def test_error_kinds_count_images(tmp_path: Path) -> None:
    assert error_kinds(results.read(str(write_run(tmp_path / "a", "eec")))) == {"extra finger": 2}


def test_changes_of_kinds_are_counted_on_what_both_scored(tmp_path: Path) -> None:
    base = results.read(str(write_run(tmp_path / "a", "eecccccr")))
    method = results.read(str(write_run(tmp_path / "b", "eceeeere")))
    assert kind_changes(base, method) == {"extra finger": (2, 5, pytest.approx(12 / 32))}


def test_names_come_from_folders_or_are_given(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a=b", "ec")
    assert results.read(str(folder)).name == "judged"
    assert results.read(f"mine={folder}").name == "mine"
    with pytest.raises(UserError, match=r"^/nowhere: no such folder"):
        results.read("mine=/nowhere")
    with pytest.raises(UserError, match="not a folder made by asap"):
        results.read(str(tmp_path))


def test_judgements_are_readable_without_their_images(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "ec")
    shutil.rmtree(tmp_path / "a" / "images")
    method = results.read(str(folder))
    assert method.images is None and not method.samples and len(method.judgements) == 2


def test_judgements_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "ec")
    shutil.rmtree(tmp_path / "a" / "images")
    append_rows(folder / "judgements.jsonl", [Judgement("twin", "p0", 0, "all", "correct")])
    with pytest.raises(UserError, match="p0-0 and twin have the same prompt_id and seed"):
        results.read(str(folder))


def test_what_cannot_be_compared_is_told(tmp_path: Path) -> None:
    base = results.read(f"base={write_run(tmp_path / 'a', 'ec')}")
    twin = results.read(f"base={write_run(tmp_path / 'b', 'ec')}")
    other = results.read(f"other={write_run(tmp_path / 'c', 'ec', judge='figures')}")
    seeds = results.read(f"seeds={write_run(tmp_path / 'd', 'ec' * 3, seeds=6)}")
    with pytest.raises(UserError, match="two methods are called 'base'"):
        results.check_comparable([base, twin])
    with pytest.raises(UserError, match="judged by different judges"):
        results.check_comparable([base, other])
    results.check_comparable([base, seeds])  # they share prompt p0, seed 0
    far = results.Method("far", {("q", 1): next(iter(base.judgements.values()))}, {}, None, base.judged, {})
    with pytest.raises(UserError, match="share no prompt and seed"):
        results.check_comparable([base, far])


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no judgements yet"):
        results.read(str(write_run(tmp_path / "a", "")))
