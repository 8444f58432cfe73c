"""Kinds of errors: how often each is seen, and what changed against the base."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from asap.bench.results import Method, scored
from asap.bench.statistics import holm, prompt_test
from asap.records import Judgement


def error_kinds(method: Method) -> Counter[str]:
    """Error name -> number of images that show it; an image may show several."""
    return Counter(kind for judgement in method.judgements.values() for kind in _kinds(judgement))


def _kinds(judgement: Judgement) -> set[str]:
    return set(judgement.errors or ("unnamed",)) if judgement.verdict == "error" else set()


class KindChange(NamedTuple):
    """Images that show an error, of the base and of a method, over what is scored for both; `p` of
    `prompt_test` on the images that show it in one alone, Holm-adjusted over all errors."""

    before: int
    after: int
    p: float


def kind_changes(base: Method, method: Method) -> dict[str, KindChange]:
    """How often each error occurs against the base."""
    keys = scored(base, method)
    kinds = [(_kinds(base.judgements[key]), _kinds(method.judgements[key])) for key in keys]
    names = sorted({kind for pair in kinds for kind in pair[0] | pair[1]})
    shown = [([name in b for b, _ in kinds], [name in m for _, m in kinds]) for name in names]
    adjusted = holm([prompt_test(*pair, [prompt for prompt, _ in keys]) for pair in shown])
    return {
        name: KindChange(sum(before), sum(after), p)
        for name, (before, after), p in zip(names, shown, adjusted, strict=True)
    }
