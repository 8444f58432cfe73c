"""The report's sections: what the numbers of the compared models say, as text, bars, tables and pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from markupsafe import Markup

from asap.bench.charts import Bar, bars, top_of
from asap.bench.gallery import disagreements, first_prompts, rows, shared_keys
from asap.bench.headline import Outcome, rises
from asap.bench.page import Section, Table
from asap.bench.results import Method, Rate
from asap.bench.statistics import FEWEST, Interval
from asap.bench.wording import NOTHING, p_value, percent, points, range_of, ratio


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
        parts.append(_against_base(found))
    if len(found[0].categories) > 1:
        parts.append(_by_category(found))
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
        "better. The line on each bar is Wilson's 95% interval."
    )
    if any(o.rate.effective < o.rate.scored for o in found):
        text += (
            " Images of one prompt are alike, so that they count as fewer independent ones in the interval: "
            f"{', '.join(f'{o.name} as {o.rate.effective:.0f}' for o in found)}."
        )
    note = "Unscored images, for which the judge gave no usable verdict, are left out of the rate."
    if common:
        note += " Common: over the prompts and seeds that were judged for every model."
    return Section("Error rate", text, _charts({"": _bars(found)}), table, note=note)


def _bars(found: Sequence[Outcome], category: str | None = None) -> list[Bar]:
    """One bar for each model that was scored."""
    rates = [o.rate if category is None else o.categories[category] for o in found]
    named = enumerate(zip(found, rates, strict=True))
    return [_bar(o.name, rate, n) for n, (o, rate) in named if rate.scored]


def _charts(groups: Mapping[str, Sequence[Bar]]) -> list[Markup]:
    """Bars by title, all on one scale; none where there is nothing to draw."""
    top = top_of([bar for group in groups.values() for bar in group])
    return [bars(group, title=title, top=top) for title, group in groups.items() if group]


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


def _bar(label: str, rate: Rate, colour: int) -> Bar:
    return Bar(
        label, rate.aer, *rate.interval, f"{percent(rate.aer)}  ({range_of(rate.interval, percent)})", colour
    )


def _against_base(found: Sequence[Outcome]) -> Section:
    base, *others = found
    header = (
        "model",
        "RSI",
        "wins",
        "ties",
        "losses",
        "decided won",
        "p",
        "AER change, points",
        "mended",
        "broken",
        "drift",
    )
    rows_ = [(base.name, "1.00", *[""] * 9), *(_versus_row(o) for o in others)]
    text = (
        "Each image is compared with the base's image of the same prompt and initial noise. A win is an "
        "image that the base got wrong and the model right; a loss the reverse."
    )
    return Section("Against the base", text, table=Table(header, rows_), note=_versus_note(others))


def _versus_row(outcome: Outcome) -> tuple[str, ...]:
    versus, drift = outcome.versus, outcome.drift
    if versus is None:
        return (outcome.name, *[NOTHING] * 10)
    paired = versus.paired
    return (
        outcome.name,
        ratio(paired.rsi) + _within(versus.preference.rsi_interval, ratio),
        str(paired.wins),
        str(paired.ties),
        str(paired.losses),
        percent(versus.preference.win_rate) + _within(versus.preference.win_rate_interval, percent),
        p_value(versus.p),
        points(versus.difference) + _within(versus.interval, points),
        percent(paired.mended),
        percent(paired.broken),
        f"{drift.mean * 100:.2f}%" if drift else NOTHING,
    )


def _within(interval: Interval | None, form: Callable[[float], str]) -> str:
    return f" ({range_of(interval, form) if interval else NOTHING})"


def _versus_note(others: Sequence[Outcome]) -> str:
    places = {
        "outside the judged part" if o.drift.outside else "over the whole image" for o in others if o.drift
    }
    where = " or ".join(sorted(places))
    drift = f" Drift: mean absolute change of pixels {where}, in percent of full range." if where else ""
    missing, reach = "", [o.versus.detectable for o in others if o.versus and o.versus.detectable]
    least = f" Changes of {points(max(reach))[1:]} points are found four times in five." if reach else ""
    if any(o.versus and not o.versus.interval for o in others):
        missing = f" It needs {FEWEST} prompts that do not all change alike."
    return (
        "RSI: (wins + ties) / (losses + ties). Decided won: wins / (wins + losses), with Wilson's interval. "
        "p: exact test of wins against losses in which a prompt's images change sides together; with one "
        "image per prompt it is McNemar's. The intervals of RSI and of the change are paired bootstraps over "
        f"prompts.{missing}{least} Mended: share of the base's faulty images that came "
        f"out right. Broken: share of the base's right images that came out wrong.{drift}"
    )


def _by_category(found: Sequence[Outcome]) -> Section:
    names = list(found[0].categories)
    charts = _charts({f"{name} (n = {_scored(name, found)})": _bars(found, name) for name in names})
    header = ("category", "n", *(o.name for o in found), *(f"p, {o.name}" for o in found[1:]))
    body = [(name, _scored(name, found), *_category_cells(name, found)) for name in names]
    note = (
        "AER with Wilson's 95% interval; n: scored images of each model. p: exact test against the base, "
        "Holm-adjusted over categories."
    )
    return Section("By category", figures=charts, table=Table(header, body), note=note)


def _scored(category: str, found: Sequence[Outcome]) -> str:
    """Scored images of a model in `category`; from least to most where the models differ."""
    return _span(o.categories[category].scored for o in found)


def _category_cells(name: str, found: Sequence[Outcome]) -> list[str]:
    rates = [percent(o.categories[name].aer) for o in found]
    return [*rates, *(p_value((o.category_p or {}).get(name, math.nan)) for o in found[1:])]


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


def pictures(methods: Sequence[Method], first: int, differing: int) -> list[Section]:
    """The galleries, as far as the images are there."""
    keys = shared_keys(methods)
    start = first_prompts(keys, first)
    rest = [key for key in keys if key not in start]
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
        text = f"The first {len(start)} prompts of the file, one image each; nobody chose them."
        parts.append(Section("The first prompts", text, gallery=rows(methods, start)))
    if differ:
        text = (
            f"The next {len(differ)} images, in the file's order, on which the verdicts differ. They show "
            "what a change looks like, not how often it happens."
        )
        parts.append(Section("Where verdicts differ", text, gallery=rows(methods, differ)))
    return parts
