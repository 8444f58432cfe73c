"""The report's pictures: the same prompt and noise side by side, rows chosen by rule."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from asap.bench.page.pictures import Cell, GalleryRow, Picture, read_thumbnail
from asap.bench.report.evidence import marks
from asap.bench.results import Key, Method, shared
from asap.records import Judgement

AT_ONCE = 16  # rows whose thumbnails are made at a time, between looks at the room that is left


class Album:
    """Thumbnails in the page, each held once, within a number of bytes.

    They are made by threads: Pillow lets go of the interpreter while it decodes and encodes.
    """

    def __init__(self, room: float) -> None:
        self._room, self._made = room, dict[Path, Picture | None]()
        self._held: set[str] = set()

    def rows(self, methods: Sequence[Method], keys: Sequence[Key]) -> list[GalleryRow]:
        """The pictures of `keys`, as many from the first on as there is room for."""
        found: list[GalleryRow] = []
        for start in range(0, len(keys), AT_ONCE):
            part = keys[start : start + AT_ONCE]
            self._make([_path(method, key) for key in part for method in methods])
            for key in part:
                row = self._row(methods, key)
                if not self._holds(row):
                    return found
                found.append(row)
        return found

    def _make(self, paths: Sequence[Path]) -> None:
        missing = [path for path in dict.fromkeys(paths) if path not in self._made]
        with ThreadPoolExecutor(min(4, len(os.sched_getaffinity(0)))) as threads:
            self._made.update(zip(missing, threads.map(read_thumbnail, missing), strict=True))

    def _row(self, methods: Sequence[Method], key: Key) -> GalleryRow:
        base = methods[0]
        caption = base.samples[key].text or key[0]
        return GalleryRow(caption, [self._cell(m, key) for m in methods], _tags(methods, key))

    def _cell(self, method: Method, key: Key) -> Cell:
        judgement = method.judgements[key]
        picture = self._made[_path(method, key)]
        return Cell(method.name, picture, judgement.verdict, verdict_text(judgement), marks(judgement))

    def _holds(self, row: GalleryRow) -> bool:
        """Take the row in; False where there is no room for it."""
        pictures = {cell.picture.id: len(cell.picture.url) for cell in row.cells if cell.picture}
        new = {name: size for name, size in pictures.items() if name not in self._held}
        if sum(new.values()) > self._room:
            return False
        self._held |= new.keys()
        self._room -= sum(new.values())
        return True


def _path(method: Method, key: Key) -> Path:
    return (method.images or Path()) / method.samples[key].file_name


def _tags(methods: Sequence[Method], key: Key) -> dict[str, Sequence[str]]:
    """By what a reader may look for the row: its category, and the errors and models that are wrong in it."""
    wrong = [method for method in methods if method.judgements[key].verdict == "error"]
    errors = (kind for method in wrong for kind in kinds(method.judgements[key]))
    return {
        "category": [methods[0].judgements[key].category],
        "error": list(dict.fromkeys(errors)),
        "model": [method.name for method in wrong],
    }


def kinds(judgement: Judgement) -> list[str]:
    """The names of what is wrong, "unnamed" where the judge gives none."""
    return list(judgement.errors) or ["unnamed"] if judgement.verdict == "error" else []


def shared_keys(methods: Sequence[Method]) -> list[Key]:
    """The keys that every method has an image and a judgement for, in the base's order."""
    return [key for key in shared(methods) if all(key in method.samples for method in methods)]


def first_prompts(keys: Sequence[Key], count: int) -> list[Key]:
    """The first image of each of the first `count` prompts."""
    first: dict[str, Key] = {}
    for key in keys:
        first.setdefault(key[0], key)
    return list(first.values())[:count]


def disagreements(methods: Sequence[Method], keys: Sequence[Key], count: int) -> list[Key]:
    """The first `count` of `keys` on which the methods' verdicts differ."""
    differ = [key for key in keys if len({m.judgements[key].verdict for m in methods}) > 1]
    return differ[:count]


def verdict_text(judgement: Judgement) -> str:
    """What a person reads under the image."""
    if judgement.verdict == "error":
        return ", ".join(judgement.errors) or "error"
    return judgement.verdict if judgement.verdict == "correct" else judgement.reason or "unscored"
