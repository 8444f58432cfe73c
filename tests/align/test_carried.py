"""A settings file under another objective: its own numbers go, a person's stay, and both are told."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from asap import command
from asap.align import checks, train
from asap.align.carried import foreign
from asap.align.filled import of_run

FILE = "model: mini-hand\ndata: hands\nout: r\nobjective: asap\nlearning_rate: 3e-4\ntau: {tau}\nbeta: 1e3\n"


@dataclass(frozen=True)
class Case:
    """What the file and the command line say, and what comes of it."""

    tau: float
    words: str
    rate: float | None
    kept: float | None
    told: str


CASES = [
    Case(0.1, "", 3e-4, 0.1, ""),
    Case(0.1, "--objective asap", 3e-4, 0.1, ""),
    Case(0.1, "--objective dpo", None, None, ""),  # whose own rate is the same, and which takes no tau
    Case(0.1, "--objective bounded", None, None, "tau 0.012, not asap's 0.1 of the file"),
    Case(0.2, "--objective bounded", None, 0.2, "tau 0.2 of the file is kept, where bounded's own is 0.012"),
    Case(
        0.1, "--objective bounded --tau 0.1", None, 0.1, "learning_rate 0.001, not asap's 0.0003 of the file"
    ),
    Case(0.1, "--recipe flux", None, None, "--recipe flux: learning_rate 0.0001, not mini's 0.0003"),
    Case(0.1, "--model mini --objective mapo", None, None, "beta 0.1, not asap's 1000 of the file"),
]


def read(path: Path, text: str, words: str) -> command.Read[train.Config]:
    path.write_text(text)
    return command.read(train.Config, ["--config", str(path), *words.split()], "train", None, foreign)


@pytest.mark.parametrize("case", CASES)
def test_numbers_of_another_objective_are_not_taken_over(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, given = read(tmp_path / "run.yaml", FILE.format(tau=case.tau), case.words)
    assert (config.learning_rate, config.tau) == (case.rate, case.kept)
    told = capsys.readouterr().err
    assert told.count("\n") == bool(case.told) and case.told in told
    assert ("learning_rate" in given) == (case.rate is not None)


def test_a_file_that_names_no_objective_is_a_person_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FILE.format(tau=0.1).replace("objective: asap\n", "")
    config, _ = read(tmp_path / "run.yaml", text, "--objective bounded")
    assert (config.learning_rate, config.tau) == (3e-4, 0.1) and not capsys.readouterr().err


def test_what_was_proposed_is_the_objective_s_own_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposed = {
        "learning_rate": {"value": 9e-4, "why": "measured"},
        "tau": {"value": 0.07, "why": "measured"},
    }
    measured = {"objective": "asap", "proposed": proposed, "origins": {"beta": "recipe mini, so"}}
    (tmp_path / "calibration.json").write_text(json.dumps(measured))
    text = FILE.format(tau=0.07).replace("3e-4", "9e-4") + f"calibration: {tmp_path / 'calibration.json'}\n"
    same, given = read(tmp_path / "run.yaml", text, "--steps 9")
    told = of_run(same, "mini", given, measured)
    assert told["tau"] == told["learning_rate"] == "measured: measured" and told["steps"] == "command line"
    assert told["objective"] == "run.yaml:4" and told["beta"] == "the objective does not use it"
    assert told["warmup"] == "default" and told["rank"].startswith("recipe mini, chosen: ")
    other, given = read(tmp_path / "run.yaml", text, "--objective bounded")
    assert (other.tau, other.learning_rate, other.calibration) == (None, None, None)
    assert "learning_rate 0.001, not asap's 0.0009 of the file; tau 0.012" in capsys.readouterr().err
    assert of_run(other, "mini", given, {})["tau"].startswith("recipe mini, searched: ")


def test_settings_without_effect_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the command line, each in a line; from Python those that are not at their default."""
    plain = train.Config("mini-hand", "hands", Path("run"), "sft")
    checks.tell_idle(replace(plain, tau=0.1, draws=3), {"tau": "command line", "draws": "command line"})
    assert capsys.readouterr().err.splitlines() == [
        "asap: --tau has no effect: --objective sft does not use it",
        "asap: --draws has no effect: --reference live draws anew in every step",
    ]
    checks.tell_idle(replace(plain, beta=1.0, validation_seeds=2), None)
    told = capsys.readouterr().err
    assert "--beta has" in told and "--validation-seeds has" in told and told.count("\n") == 2
    checks.tell_idle(replace(plain, tau=0.1), {"tau": "run.yaml:4"})  # which may hold all settings
    checks.tell_idle(replace(plain, draws=3, reference="cached", rank=4, tau=0.0), None)
    assert not capsys.readouterr().err
