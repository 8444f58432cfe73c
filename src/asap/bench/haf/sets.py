"""The prompts of HAF-Bench by name: `haf-bench` (500), `haf-bench:quick` (50), `haf-bench:calibration`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from asap.records import Prompt
from asap.store import Row

BENCH, QUICK, CALIBRATION = "haf-bench", "haf-bench:quick", "haf-bench:calibration"
NAMES = (BENCH, QUICK, CALIBRATION)
FOLDER = Path(__file__).parent


def rows(name: str) -> list[Row]:
    """The rows of the set `name`, categories in turn, so that any first part of it is balanced.

    A row holds `id`, `version`, `category`, `text`, `facts` (people, visible, checks), and what the prompts
    were balanced by: `subjects` (gender, age, skin), `framing`, `view`, `setting`, `clothing`.

    Raises:
        ValueError: not one of `NAMES`.
    """
    if name not in NAMES:
        raise ValueError(f"no set of prompts named {name!r}")
    found = _read("calibration" if name == CALIBRATION else "bench")
    return [dict(row) for row in found if name != QUICK or row["quick"]]


@cache
def _read(name: str) -> tuple[Row, ...]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def prompts(name: str) -> list[Prompt]:
    """The set `name` as prompts to draw."""
    return [Prompt(row["id"], row["text"], row["category"], row["facts"]) for row in rows(name)]
