"""Prompt files: JSON lines (`id`, `text`, `category`, `facts`), or plain text with a prompt per line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from asap.errors import UserError
from asap.records import Prompt
from asap.store import Row, content_id

_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def read(path: Path) -> list[Prompt]:
    """The prompts in `path`, in its order.

    A file that ends in `.jsonl` holds one object per line: `text` (or `prompt`), and optionally `id`,
    `category` and `facts`; other keys are left alone. Any other file holds one prompt per line. Blank lines
    are skipped. A prompt without an id gets one from its text.

    Raises:
        UserError: no such file, not UTF-8, a line that is no prompt, two prompts with one id, or no prompt.
    """
    parse = _from_json if path.suffix == ".jsonl" else _from_text
    prompts: list[Prompt] = []
    first_line: dict[str, int] = {}
    for number, line in _lines(path):
        prompt = parse(line, f"{path} line {number}")
        # Ids become file names, and some file systems do not tell A from a.
        before = first_line.setdefault(prompt.id.casefold(), number)
        if before != number:
            raise UserError(f"{path} line {number}: the same prompt or id as line {before}; remove one")
        prompts.append(prompt)
    if not prompts:
        raise UserError(f"{path} holds no prompts; write one per line")
    return prompts


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read the prompts ({error.strerror}); check --prompts") from None
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise UserError(f"{path} line {number}: not UTF-8; save the file as UTF-8") from None
        if line:
            yield number, line


def _from_text(line: str, _where: str) -> Prompt:
    return Prompt(content_id(line), line)


def _from_json(line: str, where: str) -> Prompt:
    row = _object(line, where)
    key = next((key for key in ("text", "prompt") if row.get(key) is not None), None)
    if key is None:
        found = f", only {', '.join(row)}" if row else ""
        raise UserError(f'{where}: no "text" (or "prompt") in it{found}; write the prompt as "text"')
    text = _string(row, key, where)
    identity = _string(row, "id", where) if row.get("id") is not None else content_id(text)
    if not _SAFE_ID.fullmatch(identity):
        raise UserError(f"{where}: the id {identity!r} cannot name a file; use letters, digits, . _ -")
    category = _string(row, "category", where) if row.get("category") is not None else "all"
    facts = row.get("facts") or {}
    if not isinstance(facts, dict):
        raise UserError(f'{where}: "facts" should be an object such as {{"fingers": 3}}')
    return Prompt(identity, text, category, facts)


def _object(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error}); mend that line") from None
    if not isinstance(row, dict):
        raise UserError(f'{where}: expected an object such as {{"text": "a waving hand"}}')
    return row


def _string(row: Row, key: str, where: str) -> str:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and key == "id":
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f'{where}: "{key}" should be a text that is not empty')
    return value.strip()
