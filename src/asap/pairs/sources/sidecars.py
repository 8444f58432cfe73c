"""What people write beside their photos: a caption, and a licence where they know it."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

CAPTION = ("caption", "text", "prompt")
LICENCE = ("license", "licence")
"""Names under which JSON files and tables keep them; the first that is there counts."""


class Told(NamedTuple):
    """What is told of one photo."""

    caption: str | None = None
    licence: str | None = None

    def over(self, other: Told) -> Told:
        """This, and what `other` tells where this tells nothing."""
        return Told(self.caption or other.caption, self.licence or other.licence)


def text(data: bytes) -> str:
    """A text file's words, separated by single spaces.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return " ".join(data.decode("utf-8-sig").split())


def told(row: Mapping[str, Any], caption: Sequence[str] = CAPTION) -> Told:
    """Caption and licence among the fields of a JSON object or a table's row; words alone count."""
    return Told(_first(row, caption), _first(row, LICENCE))


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    return None


def metadata(data: bytes, here: str) -> Iterator[tuple[str, str, Told] | str]:
    """Of each line of a metadata.jsonl: its file's path, the name given there and what is told; or a fault.

    Args:
        data: the file's bytes.
        here: its folder, relative to where paths begin; "." for that place itself.
    """
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
            name, licence = str(row["file_name"]), _first(row, LICENCE)
            text = row["text"] if not licence else row.get("text") or ""
            path = posixpath.normpath(posixpath.join(here, name))
            facts = Told(" ".join(str(text).split()) or None, licence)
            yield path, f"line {number} names {name}, which is not there", facts
        except (ValueError, KeyError, TypeError):
            yield f'line {number} is not {{"file_name": ..., "text": ...}} in UTF-8'
