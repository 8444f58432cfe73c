"""The report's comparison of every model with the base, image by image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asap.bench.page import Section, Table
from asap.bench.page.charts import Dot, changes
from asap.bench.report import pairwise
from asap.bench.report.headline import Outcome
from asap.bench.statistics import Interval
from asap.bench.wording import NOTHING, p_value, percent, points, range_of, ratio, without
from asap.wording import counted


def sections(found: Sequence[Outcome]) -> list[Section]:
    """Wins and losses with their tests, and which images they are; the base comes first in `found`."""
    return [_wins(found), _changed(found[1:])]


def _wins(found: Sequence[Outcome]) -> Section:
    base, *others = found
    header = ("model", "RSI", "wins", "ties", "losses", "decided won", "p", "AER change, points")
    rows = [(base.name, "1.00", *[""] * 6), *(_win_row(o) for o in others)]
    text = (
        "Each image is compared with the base's image of the same prompt and initial noise. A win is an "
        "image that the base got wrong and the model right; a loss the reverse."
    )
    items = [_dot(o, n) for n, o in enumerate(others, 1) if o.versus]
    chart = changes(items, tick, title="Change of the AER in points; below 0 is better than the base")
    return Section(
        "Against the base", text, [chart] if items else [], Table(header, rows), note=_win_note(others)
    )


def _dot(outcome: Outcome, colour: int) -> Dot:
    versus = outcome.versus
    assert versus is not None
    return Dot(outcome.name, versus.difference, versus.interval, pairwise.change(versus), colour)


def tick(value: float) -> str:
    """A number of an axis of changes, in points."""
    return points(value).removesuffix(".0")


def _win_row(outcome: Outcome) -> tuple[str, ...]:
    versus = outcome.versus
    if versus is None:
        return (outcome.name, *[NOTHING] * 7)
    paired, preferred = versus.paired, versus.preference
    return (
        outcome.name,
        ratio(paired.rsi) + _within(preferred.rsi_interval, ratio),
        str(paired.wins),
        str(paired.ties),
        str(paired.losses),
        percent(preferred.win_rate) + _within(preferred.win_rate_interval, percent),
        p_value(versus.p),
        points(versus.difference) + _within(versus.interval, points),
    )


def _within(interval: Interval | None, form: Callable[[float], str]) -> str:
    return f" ({range_of(interval, form) if interval else NOTHING})"


def _win_note(others: Sequence[Outcome]) -> str:
    versus = [o.versus for o in others if o.versus]
    reach = [v.detectable for v in versus if v.detectable]
    least = f" Changes of {points(max(reach))[1:]} points are found four times in five." if reach else ""
    return (
        "RSI: (wins + ties) / (losses + ties). Decided won: wins / (wins + losses), with Wilson's interval. "
        "p: exact test of wins against losses in which a prompt's images change sides together; with one "
        "image per prompt it is McNemar's. The intervals of RSI and of the change are paired bootstraps over "
        f"prompts.{without(v.interval for v in versus)}{least}"
    )


def _changed(others: Sequence[Outcome]) -> Section:
    rows = [(o.name, *_changed_cells(o)) for o in others]
    table = Table(("model", "mended", "broken", "drift"), rows)
    return Section("What it mended and broke", table=table, note=_changed_note(others))


def _changed_cells(outcome: Outcome) -> tuple[str, str, str]:
    versus, drift = outcome.versus, outcome.drift
    if versus is None:
        return (NOTHING, NOTHING, NOTHING)
    moved = f"{drift.mean * 100:.2f}% ({counted(drift.images, 'image')})" if drift else NOTHING
    return percent(versus.paired.mended), percent(versus.paired.broken), moved


def _changed_note(others: Sequence[Outcome]) -> str:
    places = {
        "outside the judged part" if o.drift.outside else "over the whole image" for o in others if o.drift
    }
    where = " or ".join(sorted(places))
    drift = (
        f" Drift: mean absolute change of pixels {where}, in percent of full range, and on how many images."
        if where
        else ""
    )
    return (
        "Mended: share of the base's faulty images that came out right. Broken: share of the base's right "
        f"images that came out wrong.{drift}"
    )
