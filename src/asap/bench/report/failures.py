"""Images in which the judge finds an error, by category and kind: some of each, chosen by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from asap.bench.page import Section, Table
from asap.bench.report.gallery import Album, kinds, shared_keys
from asap.bench.results import Key, Method
from asap.store import seed_of
from asap.wording import counted

Place = tuple[str, str, str]
"""Model, category, kind of error."""


def places(methods: Sequence[Method], key: Key) -> list[Place]:
    """Where the images of `key` belong: one place for every model that is wrong and every error of it."""
    judged = ((method.name, method.judgements[key]) for method in methods)
    return [(name, j.category, kind) for name, j in judged for kind in dict.fromkeys(kinds(j))]


def chosen(methods: Sequence[Method], keys: Sequence[Key], each: int) -> list[Key]:
    """Of `keys` as many as give every place `each` images, or all it has.

    The order is one of chance, but of the keys alone, so that it is the same each time; every place has its
    first image before any has its second, so that a page that is full has some of each.
    """
    order = sorted(keys, key=lambda key: seed_of("failure", *key))
    belong = {key: places(methods, key) for key in order}
    taken: dict[Key, None] = {}
    counts = Counter[Place]()
    for turn in range(1, each + 1):
        for key in order:
            if key not in taken and any(counts[place] < turn for place in belong[key]):
                taken[key] = None
                counts.update(belong[key])
    return list(taken)


def sections(methods: Sequence[Method], album: Album, each: int) -> list[Section]:
    """The failures that can be shown; nothing where there are none, or no images."""
    keys = shared_keys(methods)
    failing = [key for key in keys if places(methods, key)]
    if not failing or not each:
        return []
    rows = album.rows(methods, chosen(methods, failing, each))
    shown = chosen(methods, failing, each)[: len(rows)]
    counts = [
        Counter((c, k) for key in part for _, c, k in places(methods, key)) for part in (failing, shown)
    ]
    text = (
        f"{len(rows)} of {counted(len(failing), 'prompt and noise', 'prompts and noises')} on which a model "
        f"is wrong, drawn by lot so that each model, category and error has up to {each}; every model's "
        "image of the same noise stands beside. The boxes are what the judge points at. The table says how "
        "many of the images with an error are shown."
    )
    filters = {
        "category": list(dict.fromkeys(category for category, _ in counts[0])),
        "error": [kind for kind, _ in Counter(k for _, k in counts[0].elements()).most_common()],
        "model": [method.name for method in methods],
    }
    table = _table(filters["error"], filters["category"], *counts)
    return [Section("Failures", text, table=table, gallery=rows, filters=filters)]


def _table(
    errors: Sequence[str],
    categories: Sequence[str],
    every: Counter[tuple[str, str]],
    shown: Counter[tuple[str, str]],
) -> Table:
    def cell(category: str, error: str) -> str:
        total = every[category, error]
        return f"{shown[category, error]} of {total}" if total else ""

    return Table(("shown", *categories), [(error, *(cell(c, error) for c in categories)) for error in errors])
