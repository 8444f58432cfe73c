"""Who a run's folder belongs to: to others as long as no step was done in it, and then to one run alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asap import store
from asap.align import checks, folder, train
from asap.errors import UserError

FITTING, OTHER = {"model": "m", "resolution": 32}, {"model": "m", "resolution": 64}


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A run that was refused after it had cached latents and drawn what comes before the first step."""
    out = tmp_path / "run"
    store.open_run(
        out, "train", {"seed": 0, "steps": 3, "tau": 0.1}, {"command": "first", "continued": ["x"]}
    )
    store.open_run(out / folder.LATENTS, "latents", FITTING)
    (out / folder.LATENTS / "pairs-00000.safetensors").write_bytes(b"latents")
    (out / "overlays.html").write_text("page")
    (out / "validation" / "step-000000").mkdir(parents=True)
    return out


@pytest.mark.parametrize(("latents", "kept"), [(FITTING, True), (OTHER, False)])
def test_a_folder_without_steps_is_taken_over_with_the_latents_that_fit(
    started: Path, latents: store.Row, kept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.open_for(started, {"seed": 1}, {"command": "second"}, latents)
    made = store.read_config(started)
    assert (made["identity"], made["command"], made["stage"]) == ({"seed": 1}, "second", "train")
    assert "continued" not in made
    assert (started / folder.LATENTS).exists() == kept
    assert not (started / "overlays.html").exists() and not (started / "validation").exists()
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "held no steps yet" in told and ("are kept" in told) == kept


def test_the_same_run_goes_on_and_keeps_what_it_has(
    started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.open_for(started, {"seed": 0, "steps": 3, "tau": 0.1}, {"command": "second"}, FITTING)
    assert store.read_config(started)["command"] == "first" and not capsys.readouterr().err
    assert (started / "overlays.html").exists()


@pytest.mark.parametrize("name", folder.OF_STEPS)
def test_with_steps_the_folder_is_the_run_s(started: Path, name: str) -> None:
    (started / name).write_bytes(b"x")
    with pytest.raises(UserError, match="made with other settings"):
        folder.open_for(started, {"seed": 1}, {}, FITTING)
    assert (started / folder.LATENTS).exists()


def test_other_settings_are_told_before_anything_is_loaded(started: Path) -> None:
    config = train.Config("m", "d", started, seed=0, steps=9)
    folder.check(config)
    (started / "log.jsonl").write_text("{}\n")
    folder.check(config)  # more steps, and a margin that is left open
    for change in ({"seed": 1}, {"tau": 0.2}):
        with pytest.raises(UserError, match=f"{next(iter(change))} was"):
            folder.check(train.Config("m", "d", started, **change))


def test_what_needs_no_model_is_checked_before_one_is_loaded(started: Path) -> None:
    (started / "log.jsonl").write_text("{}\n")
    for model, change, told in (
        ("/nowhere", {}, "no model '/nowhere'"),
        ("mini-hand", {"tau": 0.2}, "made with other settings"),
        ("mini-hand", {"out": started / "new"}, "no folder /nodata"),
    ):
        with pytest.raises(UserError, match=told):
            checks.all_of(replace(train.Config(model, "/nodata", started), **change))


def test_the_commands_of_all_parts_are_kept(started: Path) -> None:
    for start, spelled in ((0, "a"), (0, "b"), (3, "b"), (3, "c"), (5, "c"), (7, "b")):
        folder.note(started, spelled, start)
    assert store.commands_of(started) == ["b", "c", "b"]
