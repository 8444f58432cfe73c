"""All that is computed of the compared models before a page is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from asap.bench import results
from asap.bench.drift import PartMask, mean_drift
from asap.bench.kinds import error_kinds, kind_changes
from asap.bench.report.headline import Contest, Outcome, ranked
from asap.bench.report.pairwise import Pairing
from asap.bench.results import Method
from asap.lookup import choose

# What a judge looks at, for judges that look at one part whose place can be computed.
PART_MASKS = dict.fromkeys(("figures", "network"), "asap.figures.parts:part_mask")


def outcomes(methods: Sequence[Method], pairs: Sequence[Pairing] = ()) -> list[Outcome]:
    """The numbers of every method, the base first; `pairs` are comparisons that are known already."""
    base, names, common = methods[0], results.categories(methods), results.shared(methods)
    known = {(pair.first, pair.second): pair.versus for pair in pairs}
    mask = _part_mask(base)
    found = [_outcome(base, method, names, mask, known.get((base.name, method.name))) for method in methods]
    if all(len(method.judgements) == len(common) for method in methods):
        return found
    rates = [results.rate(method.judgements[key] for key in common) for method in methods]
    return [replace(outcome, common=rate) for outcome, rate in zip(found, rates, strict=True)]


def _outcome(
    base: Method,
    method: Method,
    names: Sequence[str],
    part_mask: PartMask | None,
    versus: results.Versus | None,
) -> Outcome:
    judged = list(method.judgements.values())
    by_category = {name: results.rate(j for j in judged if j.category == name) for name in names}
    rate, kinds = results.rate(judged), error_kinds(method)
    if method is base:
        return Outcome(method.name, rate, by_category, kinds)
    return Outcome(
        name=method.name,
        rate=rate,
        categories=by_category,
        kinds=kinds,
        versus=versus or results.versus(base, method),
        kind_changes=kind_changes(base, method),
        by_category=results.by_category(base, method, names),
        drift=mean_drift(base, method, part_mask),
    )


def _part_mask(base: Method) -> PartMask | None:
    judge = base.judged.get("identity", {}).get("judge")
    mask: PartMask | None = choose(PART_MASKS, judge, "part mask") if judge in PART_MASKS else None
    return mask


def contest(methods: Sequence[Method], found: Sequence[Outcome], pairs: Sequence[Pairing]) -> Contest | None:
    """The two lowest rates against each other; None where one is the base's or nothing can be paired."""
    first = ranked(found)[:2]
    if len(first) < 2 or methods[0].name in (first[0].name, first[1].name):
        return None
    best, second = first[0].name, first[1].name
    for pair in pairs:
        if (pair.first, pair.second) == (second, best):
            return Contest(best, second, pair.versus)
    named = {method.name: method for method in methods}
    versus = results.versus(named[second], named[best])
    return Contest(best, second, versus) if versus else None
