"""Configs as command lines, there and back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import tyro

from asap.command import Settings, parse, spell
from asap.pairs import build
from asap.pairs.engines.settings import Engines


@dataclass(frozen=True)
class Config(Settings):
    """A stage that does many things, all of which take a long while to say and more than one line.

    And another paragraph."""

    folders: tyro.conf.Positional[tuple[str, ...]]
    """Some folders."""
    out: Path
    """Where to."""
    learning_rate: float = 1e-3
    """How fast."""
    quiet: bool = False
    """No words."""
    loud: bool = True
    """Many words."""
    lora: Path | None = None
    """A file."""
    weights: tuple[Path, ...] = ()
    """More files."""


def test_a_spelled_command_parses_back() -> None:
    config = Config(("a b", "c=d"), Path("x/y z"), 3e-4, True, False)
    spelled = spell(config, "stage", "folders")
    assert spelled == "asap stage 'a b' c=d --out 'x/y z' --learning-rate 0.0003 --quiet --no-loud"
    words = ["a b", "c=d", "--out", "x/y z", "--learning-rate", "0.0003", "--quiet", "--no-loud"]
    assert parse(Config, words, "stage") == config


def test_defaults_are_left_out() -> None:
    assert spell(Config((), Path("x")), "stage", "folders") == "asap stage --out x"


def test_paths_may_be_strings() -> None:
    config = Config(("a",), "x", lora="y", weights=["z"])  # type: ignore[arg-type]
    assert config == Config(("a",), Path("x"), lora=Path("y"), weights=(Path("z"),))
    assert config.folders == ("a",) and Config((), Path("x")).lora is None


def test_the_help_fits_the_terminal_and_does_not_offer_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        parse(Config, ["--help"], "stage")
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 60 and "\n\n  And another paragraph." in shown
    assert "--lora PATH" in shown


def test_groups_of_settings_are_spelled_by_their_own_flags() -> None:
    config = build.Config("photos", Path("hap"), engines=Engines(inpaint="FOLDER", candidates=2))
    spelled = spell(config, "build", "photos")
    assert spelled == "asap build photos --out hap --inpaint FOLDER --candidates 2"
    assert parse(build.Config, shlex.split(spelled)[2:], "build") == config
