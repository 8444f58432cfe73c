"""The report's sections: what the numbers of the compared models say, as text, bars, tables and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from asap.bench.page import Section, Table
from asap.bench.page.charts import Dot, changes, shares
from asap.bench.page.radar import Line, radar, rim
from asap.bench.report import against, pairwise
from asap.bench.report.gallery import Album, disagreements, first_prompts, shared_keys
from asap.bench.report.headline import Outcome, rises
from asap.bench.results import Method, Rate
from asap.bench.wording import NOTHING, p_value, percent, range_of, without


def facts(methods: Sequence[Method]) -> list[tuple[str, str]]:
    """What was compared, for the page's head."""
    base = methods[0]
    identity = base.judged.get("identity", {})
    model = (identity.get("settings") or {}).get("model_name")
    judge = f"{identity.get('judge')}" + (f" ({model})" if model else "")
    return [
        ("Models", str(len(methods))),
        ("Prompts", _span(len({prompt for prompt, _ in method.judgements}) for method in methods)),
        ("Images per model", _span(len(method.judgements) for method in methods)),
        ("Judge", judge),
    ]


def _span(counts: Iterable[int]) -> str:
    """A count that the models share, or its least and most."""
    found = sorted(set(counts))
    return " to ".join(str(n) for n in dict.fromkeys((found[0], found[-1])))


def comparison(found: Sequence[Outcome]) -> list[Section]:
    """The sections that hold the numbers."""
    parts = [_rates(found)]
    if len(found) > 1:
        parts += against.sections(found)
    if len(found[0].categories) > 1:
        parts.append(_by_category(found))
        parts += [_category_changes(found)] if any(o.by_category for o in found) else []
    if any(o.kinds for o in found):
        parts.append(_by_kind(found))
    return parts


def _rates(found: Sequence[Outcome]) -> Section:
    reasons = sorted({reason for o in found for reason in o.rate.unscored})
    header = ("model", "AER", "95% interval", "errors", "scored", "unscored", *reasons)
    common = ("AER, common", "95% interval") if any(o.common for o in found) else ()
    table = Table((*header, *common), [_rate_row(o, reasons) for o in found])
    text = (
        "Anatomical Error Rate (AER): the share of scored images in which the judge finds an error; lower is "
        "better. The line through each dot is Wilson's 95% interval; the dashed one is the base's rate."
    )
    if any(o.rate.effective < o.rate.scored for o in found):
        text += (
            " Images of one prompt are alike, so that they count as fewer independent ones in the interval: "
            f"{', '.join(f'{o.name} as {o.rate.effective:.0f}' for o in found)}."
        )
    items, base = _dots(found), found[0].rate
    charts = [shares(items, reference=base.aer if base.scored else None)] if items else []
    note = "Unscored images, for which the judge gave no usable verdict, are left out of the rate."
    if common:
        note += " Common: over the prompts and seeds that were judged for every model."
    return Section("Error rate", text, charts, table, note=note)


def _dots(found: Sequence[Outcome], category: str | None = None) -> list[Dot]:
    """One row for each model that was scored."""
    rates = [o.rate if category is None else o.categories[category] for o in found]
    named = enumerate(zip(found, rates, strict=True))
    return [
        Dot(o.name, rate.aer, rate.interval, f"{percent(rate.aer)} ({range_of(rate.interval, percent)})", n)
        for n, (o, rate) in named
        if rate.scored
    ]


def _rate_row(outcome: Outcome, reasons: Sequence[str]) -> tuple[str, ...]:
    rate, common = outcome.rate, outcome.common
    return (
        outcome.name,
        percent(rate.aer),
        range_of(rate.interval, percent),
        str(rate.errors),
        str(rate.scored),
        percent((rate.judged - rate.scored) / rate.judged),
        *(str(rate.unscored.get(reason, 0)) for reason in reasons),
        *((percent(common.aer), range_of(common.interval, percent)) if common else ()),
    )


def _by_category(found: Sequence[Outcome]) -> Section:
    names = list(found[0].categories)
    header = ("category", "n", *(o.name for o in found))
    body = [(name, _scored(name, found), *(_rate_cell(o.categories[name]) for o in found)) for name in names]
    note = (
        "AER with Wilson's 95% interval; n, and in brackets: scored images of each model. The error bars are "
        "these intervals."
    )
    charts = _radars(found) or [
        shares(_dots(found, name), title=f"{name} ({_scored(name, found)})") for name in names
    ]
    beside = len(charts) == 1
    return Section("By category", "", charts, Table(header, body), note=note, beside=beside)


def _radars(found: Sequence[Outcome]) -> list[Markup]:
    """A radar of each model on the base, all on one scale; of the base where it is alone."""
    base, *others = [(o, n) for n, o in enumerate(found) if o.rate.scored] or [(found[0], 0)]
    lines = [_line(*base), *(_line(*other) for other in others)]
    top, names = rim(lines), [f"{name} ({_scored(name, found)})" for name in found[0].categories]
    drawn = [radar(names, [lines[0], line], top=top) for line in lines[1:]] or [radar(names, lines, top=top)]
    return [chart for chart in drawn if chart]


def _rate_cell(rate: Rate) -> str:
    return f"{percent(rate.aer)} ({range_of(rate.interval, percent)})" if rate.scored else NOTHING


def _line(outcome: Outcome, colour: int) -> Line:
    rates = list(outcome.categories.values())
    return Line(outcome.name, [rate.aer for rate in rates], [rate.interval for rate in rates], colour)


def _category_changes(found: Sequence[Outcome]) -> Section:
    """What changed against the base in each category, one chart a model."""
    others = [(n, o) for n, o in enumerate(found) if o.by_category]
    dots = [_change_dots(o, n) for n, o in others]
    every = [dot for own in dots for dot in own]
    charts = [
        changes(own, against.tick, title=o.name, scaled=every)
        for own, (_, o) in zip(dots, others, strict=True)
    ]
    names = list(found[0].categories)
    header = ("category", *(part for _, o in others for part in (o.name, f"p, {o.name}")))
    body = [(name, *(cell for _, o in others for cell in _change_cells(o, name))) for name in names]
    note = (
        "Change of the AER in points, with its interval (bootstrap over prompts). p: exact test against "
        "the base, Holm-adjusted over the categories of each model."
        + without(v.interval for _, o in others for v in (o.by_category or {}).values())
    )
    return Section("Categories against the base", "", charts, Table(header, body), note=note)


def _change_dots(outcome: Outcome, colour: int) -> list[Dot]:
    changed = (outcome.by_category or {}).items()
    return [Dot(name, v.difference, v.interval, pairwise.change(v), colour) for name, v in changed]


def _change_cells(outcome: Outcome, category: str) -> tuple[str, str]:
    versus = (outcome.by_category or {}).get(category)
    return (pairwise.change(versus), p_value(versus.p)) if versus else (NOTHING, NOTHING)


def _scored(category: str, found: Sequence[Outcome]) -> str:
    """Scored images of a model in `category`; from least to most where the models differ."""
    return _span(o.categories[category].scored for o in found)


def _by_kind(found: Sequence[Outcome]) -> Section:
    totals = sum((Counter(o.kinds) for o in found), Counter[str]())
    header = ("error", *(o.name for o in found))
    body = [
        (kind, *(_share(o.kinds.get(kind, 0), o.rate.scored) for o in found))
        for kind in sorted(totals, key=lambda k: (-totals[k], k))
    ]
    note = "Images that show the error, and their share of the scored ones. An image may show several."
    return Section("Errors by kind", _rises(found), table=Table(header, body), note=note)


def _rises(found: Sequence[Outcome]) -> str:
    """Which errors became more frequent, in words."""
    told = "; ".join(
        f"{o.name}: " + ", ".join(f"{kind} (p {_equals(change.p)})" for kind, change in rises(o).items())
        for o in found
        if rises(o)
    )
    if not told:
        return ""
    return (
        f"More frequent than in the base's images of the same prompts and noise: {told}. Exact tests, "
        "Holm-adjusted over the kinds of each model."
    )


def _equals(p: float) -> str:
    return text if (text := p_value(p)).startswith("<") else f"= {text}"


def _share(count: int, total: int) -> str:
    return f"{count} ({percent(count / total)})" if total else NOTHING


def pictures(methods: Sequence[Method], album: Album, first: int, differing: int) -> list[Section]:
    """The galleries, as far as the images are there."""
    keys = shared_keys(methods)
    start = first_prompts(keys, first)
    taken = set(start)
    rest = [key for key in keys if key not in taken]
    differ = disagreements(methods, rest, differing) if len(methods) > 1 else []
    parts = []
    gone = [method.name for method in methods if method.images is None]
    if gone:
        text = (
            f"The images of {', '.join(gone)} are no longer where the judgements say, so that there are "
            "neither pictures nor a drift of them here."
        )
        parts.append(Section("Pictures", text))
    if start:
        many = f"{len(start)} prompts" if len(start) > 1 else "prompt"
        text = f"The first {many} of the file, one image each; nobody chose them."
        parts.append(Section("The first prompts", text, gallery=album.rows(methods, start)))
    if differ:
        text = (
            f"The next {f'{len(differ)} images' if len(differ) > 1 else 'image'}, in the file's order, on "
            "which the verdicts differ, to show what a change looks like, not how often it happens."
        )
        parts.append(Section("Where verdicts differ", text, gallery=album.rows(methods, differ)))
    return parts
