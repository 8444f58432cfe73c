"""Grouping, choice and tables, on rows written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from asap.align.names import NAMES
from asap.bench.calibration.record import Calibration
from asap.bench.corrected import Tally
from asap.lab import tables
from asap.lab.results import ORDER, best, difference, groups
from asap.lab.search import Settings

SETTINGS = {"learning_rate": 3e-4, "alpha": 10.0, "tau": 0.1, "beta": 0.0}


def row(objective: str, seed: int, network: str, figures: str, *, step: int = 100, tau: float = 0.1) -> Any:
    return {
        "study": "choice", "trial": f"{objective}{seed}{tau}", "objective": objective, "seed": seed,
        "step": step,
        "settings": {**SETTINGS, "tau": tau}, "data": {"pairs": 8, "look": 1.0}, "prompts": "fresh",
        "verdicts": {"network": network, "figures": figures},
        "subjects": ["palm", "palm", "fist", "palm"],
        "kinds": {"network": {"missing finger": network.count("1")}, "figures": {}},
        "drift": 0.001 * (seed + 1), "leak": 0.02, "frechet": 2.0, "winner_rise": 0.01,
    }  # fmt: skip


BASE = row("base", 0, "1100", "1110", step=0)


def test_every_objective_has_its_place_in_tables_and_plots() -> None:
    rows = [row(name, 0, "0000", "0000") for name in NAMES]
    assert [group.objective for group in groups(rows, "choice")] == [name for name in ORDER if name in NAMES]
    assert sorted(ORDER) == sorted(("base", *NAMES))


def test_seeds_of_one_setting_are_one_group() -> None:
    rows = [
        row("asap", 1, "1000", "1000"),
        row("asap", 0, "0000", "1000"),
        row("asap", 0, "0000", "0000", tau=0.2),
    ]
    found = groups(rows, "choice")
    assert [(g.settings.tau, g.seeds) for g in found] == [(0.1, 2), (0.2, 1)]
    assert found[0].error_rate("network").mean == pytest.approx(0.125)
    assert [r["seed"] for r in found[0].rows] == [0, 1]
    assert groups(rows, "main") == []


def test_what_pleases_one_judge_alone_is_not_chosen() -> None:
    rows = [
        row("asap", 0, "0000", "1111", tau=0.1),
        row("asap", 0, "1000", "1000", tau=0.2, step=30),
        row("asap", 0, "1100", "1100", tau=0.2, step=100),
    ]
    chosen = best(rows, "choice")
    assert chosen.settings["asap"] == Settings(3e-4, 10.0, 0.2)
    assert chosen.stops["asap"] == 30


def test_a_difference_pairs_seeds() -> None:
    one = groups([row("asap", s, v, "0000") for s, v in enumerate(("0000", "1000"))], "choice")[0]
    other = groups([row("dpo", s, v, "0000") for s, v in enumerate(("1000", "1100", "1111"))], "choice")[0]
    found = difference(one, other, "network")
    assert found.mean == pytest.approx(-0.25) and found.low == pytest.approx(-0.25)


def test_tables_hold_raw_and_corrected_rates_and_the_judges_disagreement() -> None:
    known = {"network": Calibration("hands", Tally(90, 10, 5, 95), {}, 1.0, 1.0), "figures": None}
    found = groups([row("asap", 0, "1000", "1100")], "choice")
    text = tables.corrected(found, BASE, known)
    assert "| asap | 100 | 25.0% | 23.5% [" in text  # (0.25 + 0.95 - 1) / (0.9 + 0.95 - 1)
    assert "| 50.0% | not known | 25.0% (0.50) |" in text


def test_the_chosen_setting_stands_out() -> None:
    rows = [row("asap", 0, "1000", "1000"), row("asap", 0, "1111", "1111", tau=0.2)]
    text = tables.choice(groups(rows, "choice"), ["network", "figures"], BASE, best(rows, "choice"))
    assert "| **asap** | **lr 0.0003, alpha 10, tau 0.1** | **100** | **25.0%** | **25.0%** |" in text
    assert "| asap | lr 0.0003, alpha 10, tau 0.2 | 100 | 100.0% | 100.0% |" in text


def test_rates_by_what_the_prompt_shows() -> None:
    found = groups([row("asap", 0, "1010", "0000"), row("asap", 1, "0010", "0000")], "choice")
    header, _, base, asap = tables.by_subject(found, ["network"], BASE).splitlines()
    assert header.endswith("| palm (3), network | fist (1), network |")
    assert base == "| base | 0 | 66.7% | 0.0% |"
    assert asap.startswith("| asap | 100 | 16.7% [0.0%, ") and asap.endswith("| 100.0% [100.0%, 100.0%] |")
