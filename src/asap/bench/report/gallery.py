"""The report's pictures: the same prompt and noise side by side, rows chosen by rule, images in the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow

from asap.bench.page.pictures import Cell, GalleryRow, data_url
from asap.bench.results import Key, Method, shared
from asap.bench.samples import read_image
from asap.records import Judgement


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


def rows(methods: Sequence[Method], keys: Sequence[Key]) -> list[GalleryRow]:
    """The pictures of `keys`."""
    return [GalleryRow(_caption(methods[0], key), [_cell(m, key) for m in methods]) for key in keys]


def _caption(base: Method, key: Key) -> str:
    return base.samples[key].text or key[0]


def _cell(method: Method, key: Key) -> Cell:
    judgement = method.judgements[key]
    path = (method.images or Path()) / method.samples[key].file_name
    image = read_image(path)
    url, tiny = (None, False) if image is None else data_url(Pillow.fromarray(image))
    return Cell(method.name, url, tiny, judgement.verdict, verdict_text(judgement))


def verdict_text(judgement: Judgement) -> str:
    """What a person reads under the image."""
    if judgement.verdict == "error":
        return ", ".join(judgement.errors) or "error"
    return judgement.verdict if judgement.verdict == "correct" else judgement.reason or "unscored"
