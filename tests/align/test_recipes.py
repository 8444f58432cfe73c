"""The families' settings, and how the help shows them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

from asap.align import train
from asap.align.recipes import BY_OBJECTIVE, RECIPES, Recipe, by_family, recipe_of
from asap.backbones.load import FAMILIES


def test_the_usual_value_is_told_once_and_the_others_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_family("learning_rate") == "0.0001; mini: 0.001"
    assert by_family("rank") == "16"
    monkeypatch.setitem(RECIPES, "flux", replace(RECIPES["flux"], rank=4))
    monkeypatch.setitem(RECIPES, "sdxl", replace(RECIPES["sdxl"], rank=4))
    assert by_family("rank") == "16; flux, sdxl: 4"


def test_an_objective_on_another_scale_has_settings_of_its_own() -> None:
    plain, area = recipe_of("mini", "asap"), recipe_of("mini", "area")
    assert (plain["alpha"], plain["tau"]) == (10.0, 0.1) and (area["alpha"], area["tau"]) == (1.0, 0.2)
    assert area["rank"] == plain["rank"]
    assert recipe_of("flux", "area") == recipe_of("flux", "asap")
    for (family, objective), settings in BY_OBJECTIVE.items():
        assert family in RECIPES and objective in get_args(train.Objective)
        assert settings.keys() <= {field.name for field in fields(Recipe)}


def test_what_is_given_goes_before_the_recipe(tmp_path: Path) -> None:
    config = train.Config("mini-hand", "data", tmp_path, "area", tau=0.5)
    whole = train.complete(config, "mini", 24)
    assert (whole.tau, whole.alpha, whole.lora_alpha) == (0.5, 1.0, 16)


def test_every_backbone_has_a_recipe() -> None:
    names = {target.partition(":")[0].rpartition(".")[2] for target in FAMILIES.values()}
    assert names == set(RECIPES)


def test_the_help_shows_what_an_open_setting_comes_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit):
        train.main(["--help"])
    shown = capsys.readouterr().out
    for field in fields(Recipe):
        line = shown[shown.index(f"--{field.name.replace('_', '-')} ") :]
        assert line.index(f"(default: {by_family(field.name)})") < line.index("--", 2)
