"""Training runs as the report shows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asap.bench.report import training
from asap.errors import UserError
from asap.store import append_rows, open_run
from bench_runs import write_training


def drawn(folder: Path, *models: str) -> str:
    return str(training.section([training.read(f"asap={folder}")], models).figures[0])


def test_a_long_run_is_averaged_to_few_points(tmp_path: Path) -> None:
    run = training.read(str(write_training(tmp_path, "asap", steps=1001)))
    points = training._points(run.rows, "delta_mean")
    assert len(points) == 25 and points[0] == (pytest.approx(20.0), pytest.approx(0.1 * 20 / 1000))
    assert "mean over 41 steps" in training.section([run], []).note


def test_tau_is_marked_for_asap_alone(tmp_path: Path) -> None:
    assert "tau = 0.1" in drawn(write_training(tmp_path / "a", "asap", tau=0.1))
    assert "tau" not in drawn(write_training(tmp_path / "b", "dpo", tau=0.1))


def test_a_run_has_the_colour_of_its_model(tmp_path: Path) -> None:
    write_training(tmp_path, "asap")
    assert 'class="curve c2"' in drawn(tmp_path, "base", "sft", "asap")
    assert 'class="curve c1"' in drawn(tmp_path, "base")


def test_a_sampling_that_is_not_even_is_told(tmp_path: Path) -> None:
    run = training.read(str(write_training(tmp_path, "asap")))
    assert "evenly" not in training.section([run], []).note
    lagging = replace(run, made={**run.made, "identity": {**run.made["identity"], "sampling": "lagging"}})
    assert "not shown evenly: asap by --sampling lagging" in training.section([lagging], []).note.replace(
        run.name, "asap"
    )


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        training.read(str(tmp_path / "nowhere"))
    open_run(tmp_path / "judged", "judge", {})
    with pytest.raises(UserError, match="not made by `asap train`"):
        training.read(str(tmp_path / "judged"))
    open_run(tmp_path / "run", "train", {})
    append_rows(tmp_path / "run" / "log.jsonl", [{"step": 0, "loss": float("nan")}])
    with pytest.raises(UserError, match=r"no steps in its log\.jsonl yet"):
        training.read(str(tmp_path / "run"))
