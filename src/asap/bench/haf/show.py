"""`asap prompts`: the prompts of HAF-Bench, or of a file of one's own, as JSON lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from asap import command
from asap.bench import prompts as prompt_files
from asap.bench.haf import facts, sets
from asap.errors import UserError
from asap.records import Prompt
from asap.store import Row, to_json, write_atomic

NAMED = 5  # mistakes told one by one


@dataclass(frozen=True)
class Config:
    """Print prompts as JSON lines: those of HAF-Bench, or your own file as it is read, with its facts
    checked."""

    prompts: tyro.conf.Positional[str] = sets.BENCH
    """`haf-bench`, `haf-bench:quick`, `haf-bench:calibration`, or a file of prompts."""
    subset: Literal["all", "quick", "calibration"] = "all"
    """Of haf-bench: all 500, quick (50 of them, ten of each category), or calibration (100 others)."""
    questions: bool = False
    """Add the questions that a judge may ask of each prompt's facts."""
    out: Path | None = None
    """File to write instead of printing; `asap generate --prompts` reads it."""


def rows(config: Config) -> list[Row]:
    """One row a prompt.

    Raises:
        UserError: no such prompts, or a subset of a file.
    """
    name = config.prompts
    if config.subset != "all":
        if name != sets.BENCH:
            raise UserError(f"--subset is of {sets.BENCH}, not of {name}; leave it out")
        name = f"{name}:{config.subset}"
    if name in sets.NAMES:
        found = sets.rows(name)
    else:
        found = [_row(prompt) for prompt in prompt_files.read(Path(name))]
        _tell(name, found)
    return [_asking(row) for row in found] if config.questions else found


def _row(prompt: Prompt) -> Row:
    return {"id": prompt.id, "category": prompt.category, "text": prompt.text, "facts": dict(prompt.facts)}


def _tell(name: str, found: Sequence[Row]) -> None:
    """On stderr: facts that no question can be made of. Such prompts are drawn all the same."""
    mistakes = [f"{row['id']}: {mistake}" for row in found for mistake in facts.mistakes(row["facts"])]
    for mistake in mistakes[:NAMED]:
        print(f"asap: {name}: {mistake}", file=sys.stderr)
    if len(mistakes) > NAMED:
        print(f"asap: {name}: and {len(mistakes) - NAMED} more such facts", file=sys.stderr)


def _asking(row: Row) -> Row:
    """The row with its questions; none where a fact is not understood."""
    usable = not facts.mistakes(row["facts"])
    return {**row, "questions": facts.questions(row["facts"]) if usable else []}


def run(config: Config) -> Path | None:
    """Write the prompts to `config.out`, and return it, or print them.

    Raises:
        UserError: as `rows`, or another file is there already.
    """
    text = "".join(f"{to_json(row)}\n" for row in rows(config))
    if config.out is None:
        _print(text)
    elif config.out.exists() and config.out.read_text(encoding="utf-8", errors="replace") != text:
        raise UserError(f"{config.out} is there already and holds something else; give another --out")
    else:
        write_atomic(config.out, text)
    return config.out


def _print(text: str) -> None:
    """To stdout, whose reader may leave early (`| head`)."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: list[str]) -> None:
    """The command `asap prompts`."""
    out = run(command.parse(Config, argv, "prompts"))
    if out:
        print(f"prompts: {out}")
