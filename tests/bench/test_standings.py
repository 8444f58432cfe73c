"""Three and more models on one scale, in the report."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from asap.bench import report, results
from asap.bench.report import standings
from asap.bench.statistics import Strengths
from bench_runs import write_run


def specs(tmp_path: Path, verdicts: dict[str, str], seeds: int = 1) -> tuple[str, ...]:
    return tuple(f"{name}={write_run(tmp_path / name, v, seeds=seeds)}" for name, v in verdicts.items())


THREE = {
    "base": "ee" * 12 + "c" * 16,
    "dpo": "ec" * 12 + "c" * 12 + "e" * 4,
    "asap": "cc" * 10 + "e" * 6 + "c" * 14,
}


def test_models_stand_by_strength_with_intervals(tmp_path: Path) -> None:
    config = report.Config(specs(tmp_path, THREE), tmp_path / "report")
    report.run(config)
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    part = page[page.index("<h2>On one scale") :]
    assert part.index(">asap<") < part.index(">dpo<") < part.index(">base<")
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    models = written["strengths"]["models"]
    assert [m["name"] for m in models] == ["base", "dpo", "asap"]
    assert models[0] == {"name": "base", "log": 0.0, "interval": None}
    assert models[2]["log"] > models[1]["log"] > 0
    assert models[2]["interval"][0] < models[2]["log"] < models[2]["interval"][1]


def test_rsi_and_decided_wins_have_intervals(tmp_path: Path) -> None:
    report.run(report.Config(specs(tmp_path, THREE), tmp_path / "report"))
    against = json.loads((tmp_path / "report" / "report.json").read_text())["models"][1]["against_base"]
    assert (against["wins"], against["losses"]) == (12, 4)
    assert against["rsi"] == pytest.approx(36 / 28) and against["win_rate"] == 0.75
    low, high = against["rsi_interval"]
    assert 0.95 < low < 36 / 28 < high < 2
    assert against["win_rate_interval"][0] == pytest.approx(0.505, abs=1e-3)
    low, high = against["aer_difference_interval"]
    assert against["aer_difference_detectable"] == pytest.approx((high - low) * 2.8016 / 3.9199, rel=1e-4)
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    page = re.sub("<[^>]+>", "", page)
    assert "1.29 (1." in page and "75.0% (50.5 to 89.8%)" in page and "found four times in five" in page


def test_several_images_of_a_prompt_are_tested_as_one(tmp_path: Path) -> None:
    """Five prompts with eight images each, all mended: 40 wins, but five coins."""
    names = specs(tmp_path, {"base": "e" * 40 + "c" * 40, "asap": "c" * 80}, seeds=8)
    report.run(report.Config(names, tmp_path / "report"))
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    against = written["models"][1]["against_base"]
    assert against["wins"] == 40 and against["p"] == pytest.approx(2 / 2**5)
    assert written["strengths"] is None  # of two models the odds say no more than the wins


def test_a_model_that_never_loses_has_no_strength_and_the_page_says_so(tmp_path: Path) -> None:
    names = specs(tmp_path, {"base": "eeec", "dpo": "eeec", "asap": "cccc"})
    methods = [results.read(name) for name in names]
    told = standings.found(methods)
    assert isinstance(told, str) and "too few models" in told
    assert standings.sections(methods)[0].text == f"No strengths can be told: {told}."
    assert standings.as_json(methods) == {"none": told}


def test_few_prompts_give_strengths_without_intervals(tmp_path: Path) -> None:
    names = specs(tmp_path, {"base": "eeecc", "dpo": "eecec", "asap": "ccecc"})
    methods = [results.read(name) for name in names]
    found = standings.found(methods)
    assert isinstance(found, Strengths) and found.intervals == (None, None, None)
    section = standings.sections(methods)[0]
    assert section.table and {row[2] for row in section.table.rows} == {"–"}
    assert "it needs 10 prompts" in section.note
    assert not math.isnan(found.log[2])


def test_only_what_all_models_were_scored_on_counts(tmp_path: Path) -> None:
    names = specs(tmp_path, {"base": "eeecc" + "r" * 9, "dpo": "eecec" + "e" * 9, "asap": "ccecc" + "e" * 9})
    again = specs(tmp_path / "short", {"base": "eeecc", "dpo": "eecec", "asap": "ccecc"})
    long, short = (standings.found([results.read(name) for name in group]) for group in (names, again))
    assert long == short
    nothing = specs(tmp_path / "none", {"a": "rr", "b": "ec", "c": "ce"})
    assert standings.found([results.read(name) for name in nothing]) is None
