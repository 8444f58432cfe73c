"""Configs as command lines, there and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from asap.command import parse, spell


@dataclass(frozen=True)
class Config:
    """A stage."""

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


def test_a_spelled_command_parses_back() -> None:
    config = Config(("a b", "c=d"), Path("x/y z"), 3e-4, True, False)
    spelled = spell(config, "stage", "folders")
    assert spelled == "asap stage 'a b' c=d --out 'x/y z' --learning-rate 0.0003 --quiet --no-loud"
    words = ["a b", "c=d", "--out", "x/y z", "--learning-rate", "0.0003", "--quiet", "--no-loud"]
    assert parse(Config, words, "stage") == config


def test_defaults_are_left_out() -> None:
    assert spell(Config((), Path("x")), "stage", "folders") == "asap stage --out x"
