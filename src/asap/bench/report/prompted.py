"""What prompts asked for and images do not show, apart from anatomy; and how sure the judge was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from asap.bench.page import Section, Table
from asap.bench.results import Method, Rate, rate, rate_of
from asap.bench.wording import NOTHING, percent, range_of
from asap.store import Row

SURE = 0.8
"""From here on a verdict counts as one that the judge was sure of."""


def mismatches(method: Method) -> Rate:
    """The share of the images that were looked at which lack something that their prompt asks for."""
    judged = [j for j in method.judgements.values() if j.verdict != "unscored" or j.mismatch]
    return rate_of([bool(j.mismatch) for j in judged], [j.prompt_id for j in judged])


def sections(methods: Sequence[Method]) -> list[Section]:
    """Rates of mismatch, and of sure verdicts, as far as judgements carry them."""
    parts = [_mismatch(methods)] if any(_lacking(method) for method in methods) else []
    return [*parts, *([_confidence(methods)] if any(_sure(m) for m in methods) else [])]


def _lacking(method: Method) -> Counter[str]:
    return Counter(what for j in method.judgements.values() for what in dict.fromkeys(j.mismatch))


def _mismatch(methods: Sequence[Method]) -> Section:
    rows = []
    for method in methods:
        found = mismatches(method)
        most = ", ".join(f"{what} ({count})" for what, count in _lacking(method).most_common(3))
        rows.append(
            (
                method.name,
                percent(found.aer),
                range_of(found.interval, percent),
                str(found.errors),
                most or NOTHING,
            )
        )
    text = (
        "The share of images that lack something their prompt asks for. It is a rate of its own: an image "
        "that shows another gesture than it should, but a sound hand, counts here and not in the AER."
    )
    table = Table(("model", "mismatch", "95% interval", "images", "most often lacking"), rows)
    return Section("What prompts asked for", text, table=table)


def _sure(method: Method) -> list[tuple[float, bool]]:
    """Confidence, and whether it found an error, of every scored image that has one."""
    scored = [j for j in method.judgements.values() if j.verdict != "unscored"]
    return [(j.confidence, j.verdict == "error") for j in scored if j.confidence is not None]


def _confidence(methods: Sequence[Method]) -> Section:
    rows = [(method.name, *_confidence_cells(method)) for method in methods]
    header = ("model", "mean confidence", f"from {SURE:g} on", "AER of these", "95% interval")
    note = (
        "The judge's own confidence in its verdicts; a model whose rate hangs on unsure ones needs a "
        "closer look."
    )
    return Section("How sure the judge was", table=Table(header, rows), note=note)


def _confidence_cells(method: Method) -> tuple[str, ...]:
    found = _sure(method)
    if not found:
        return (NOTHING,) * 4
    sure = rate(j for j in method.judgements.values() if j.confidence is not None and j.confidence >= SURE)
    share = sum(confidence >= SURE for confidence, _ in found) / len(found)
    told = (percent(sure.aer), range_of(sure.interval, percent)) if sure.scored else (NOTHING, NOTHING)
    return (f"{fmean(confidence for confidence, _ in found):.2f}", percent(share), *told)


def as_json(method: Method) -> Row:
    """Mismatch and mean confidence of one model; empty where its judgements carry neither."""
    row: Row = {}
    if _lacking(method):
        found = mismatches(method)
        row["mismatch"] = {
            "rate": found.aer,
            "interval": list(found.interval),
            "images": found.errors,
            "kinds": dict(_lacking(method)),
        }
    if found_sure := _sure(method):
        row["confidence"] = fmean(confidence for confidence, _ in found_sure)
    return row
