"""The families' settings, and how the help shows them."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

from asap.align import filled, show_recipes, train
from asap.align.recipes import (
    BY_OBJECTIVE,
    ORIGINS,
    RECIPES,
    How,
    Name,
    Recipe,
    by_family,
    origins_of,
    recipe_of,
)
from asap.backbones.load import FAMILIES


def test_the_usual_value_is_told_once_and_the_others_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_family("learning_rate") == "0.0001; mini: 0.001; mini-people: 0.0003"
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
    assert names == set(RECIPES) - {"mini-people"}
    assert set(get_args(Name)) == set(RECIPES)


def test_every_number_says_how_it_was_come_by() -> None:
    for name in RECIPES:
        for objective in get_args(train.Objective):
            origins = origins_of(name, objective)
            assert origins.keys() == recipe_of(name, objective).keys()
            assert all(origin.how in get_args(How) and origin.why for origin in origins.values())


def test_published_is_what_the_paper_gives_for_flux_alone() -> None:
    flux = recipe_of("flux", "asap")
    assert (flux["alpha"], flux["tau"], flux["beta"]) == (10.0, 0.01, 5000.0)
    for name, origins in ORIGINS.items():
        published = {setting for setting, origin in origins.items() if origin.how == "published"}
        assert published == ({"alpha", "tau", "beta"} if name == "flux" else set())
    assert recipe_of("sdxl", "mapo")["beta"] == 0.1 and origins_of("sdxl", "mapo")["beta"].how == "usual"
    assert origins_of("sdxl", "asap")["tau"].how == "carried over"
    assert origins_of("mini-people", "local_dpo")["beta"].why.startswith("the best of four on drawn people")


def test_a_recipe_may_be_taken_by_name(tmp_path: Path) -> None:
    config = train.Config("mini", "data", tmp_path, recipe="mini-people", rank=4)
    whole = train.complete(config, "mini", 64)
    assert (whole.learning_rate, whole.rank, whole.resolution) == (3e-4, 4, 64)
    origins = filled.origins(config, "mini")
    assert "rank" not in origins and origins["learning_rate"].startswith("recipe mini-people, searched: ")


def test_recipes_are_shown_with_their_origins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show_recipes.main(["flux", "sdxl", "sd3"])
    shown = capsys.readouterr().out
    assert re.search(r"^flux: asap\n(.*\n)*  tau +0.01 +published: Li et al. 2026", shown)
    assert re.search(r"^sdxl, sd3: asap\n(.*\n)*  tau +0.01 +carried over: from FLUX", shown, re.M)
    assert "mini" not in shown
    show_recipes.main(["--objective", "area"])
    assert re.search(r"^mini: area\n(.*\n)*  tau +0.2 +searched", capsys.readouterr().out, re.M)


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
