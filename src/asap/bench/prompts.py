"""Prompts: HAF-Bench by name, JSON lines (`id`, `text`, `category`, `facts`), or text, one per line; also
the files of GenEval and T2I-CompBench."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from asap.bench.haf import sets
from asap.command.nearest import did_you_mean
from asap.errors import UserError
from asap.records import Prompt
from asap.store import Row, content_id

TOLD = 5  # lines named in one message
_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def read(path: Path) -> list[Prompt]:
    """The prompts in `path`, in its order, or those of the set that it names (`haf.sets.NAMES`).

    A file that ends in `.jsonl`, or begins with "{", holds one object per line: `text` (or `prompt`), and
    optionally `id`, `category` (or `tag`, as in GenEval's evaluation_metadata.jsonl) and `facts`; other
    keys are left alone.
    Any other file holds one prompt per line. Blank lines are skipped. A prompt without an id gets one from
    its text. Of a folder its `.txt` files are read, such as those of T2I-CompBench, and each one's name is
    the category of its prompts.

    A prompt that repeats an earlier one in all its parts is dropped, and stderr says so.

    Raises:
        UserError: no such file, lines that are no prompts (up to `TOLD` are named), two different prompts
            with one id, or no prompt.
    """
    if str(path) in sets.NAMES:
        return sets.prompts(str(path))
    if path.is_dir() and (files := sorted(path.glob("*.txt"))):
        return [_filed(prompt, file.stem) for file in files for prompt in read(file)]
    lines = list(_lines(path))
    parse = _from_json if path.suffix == ".jsonl" or _begins_an_object(lines) else _from_text
    found: dict[str, tuple[int, Prompt]] = {}
    mistakes, repeated = [], []
    for number, line in lines:
        try:
            prompt = parse(_decoded(line))
        except ValueError as error:
            mistakes.append(f"line {number}: {error}")
            continue
        # Ids become file names, and some file systems do not tell A from a.
        before, first = found.setdefault(prompt.id.casefold(), (number, prompt))
        if before != number and first == prompt:
            repeated.append(number)
        elif before != number:
            mistakes.append(f"line {number}: another prompt with the id of line {before}; rename one")
    _tell(path, mistakes, repeated)
    if not found:
        raise UserError(f"{path} holds no prompts; write one per line")
    return [prompt for _, prompt in found.values()]


def _begins_an_object(lines: Sequence[tuple[int, bytes]]) -> bool:
    return bool(lines) and lines[0][1].lstrip().startswith(b"{")


def _filed(prompt: Prompt, name: str) -> Prompt:
    return replace(prompt, id=content_id(name, prompt.text), category=name)


def _tell(path: Path, mistakes: Sequence[str], repeated: Sequence[int]) -> None:
    if mistakes:
        more = f" | and {len(mistakes) - TOLD} lines more" if len(mistakes) > TOLD else ""
        raise UserError(f"{path} {' | '.join(mistakes[:TOLD])}{more}")
    if repeated:
        lines = ", ".join(map(str, repeated[:TOLD])) + (", ..." if len(repeated) > TOLD else "")
        twice = f"{len(repeated)} prompts given twice are drawn once (lines {lines})"
        print(f"asap: {path}: {twice}", file=sys.stderr)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = did_you_mean(str(path), sets.NAMES) or f"; give a file, or {', '.join(sets.NAMES)}"
        raise UserError(f"{path}: cannot read the prompts ({error.strerror}){hint}") from None
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if line.strip():
            yield number, line


# What follows raises a plain ValueError that says what is wrong; `read` adds the place.


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8; save the file as UTF-8") from None


def _from_text(line: str) -> Prompt:
    return Prompt(content_id(line), line)


def _from_json(line: str) -> Prompt:
    row = _object(line)
    key = next((key for key in ("text", "prompt") if row.get(key) is not None), None)
    if key is None:
        found = f", only {', '.join(row)}" if row else ""
        raise ValueError(f'no "text" (or "prompt") in it{found}; write the prompt as "text"')
    text = _string(row, key)
    identity = _string(row, "id") if row.get("id") is not None else content_id(text)
    if not _SAFE_ID.fullmatch(identity):
        raise ValueError(f"the id {identity!r} cannot name a file; use letters, digits, . _ -")
    named = next((key for key in ("category", "tag") if row.get(key) is not None), None)
    category = _string(row, named) if named else "all"
    facts = row.get("facts") or {}
    if not isinstance(facts, dict):
        raise ValueError('"facts" should be an object such as {"fingers": 3}')
    return Prompt(identity, text, category, facts)


def _object(line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}); mend that line") from None
    if not isinstance(row, dict):
        raise ValueError('expected an object such as {"text": "a waving hand"}')
    return row


def _string(row: Row, key: str) -> str:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and key == "id":
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'"{key}" should be a text that is not empty')
    return value.strip()
