"""The families' settings, and how the help shows them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from asap.align import train
from asap.align.recipes import RECIPES, Recipe, by_family
from asap.backbones.load import FAMILIES


def test_families_with_one_value_are_told_together() -> None:
    assert by_family("learning_rate") == "flux, sdxl: 0.0001; mini: 0.001"
    assert by_family("rank") == "flux, sdxl, mini: 16"


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
