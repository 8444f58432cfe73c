"""A stage's frozen `Config` as its command line, by tyro: fields are flags, docstrings are help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import tyro

T = TypeVar("T")


def parse(config: type[T], argv: Sequence[str], stage: str) -> T:
    """The `config` that `argv` spells out; mistakes in `argv` end the process with status 2 and a hint."""
    return tyro.cli(config, args=list(argv), prog=f"asap {stage}")
