"""Numbers of the report as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from asap.bench.statistics import FEWEST, Interval

NOTHING = "–"


def percent(share: float) -> str:
    """`0.283` as "28.3%"."""
    return f"{share:.1%}" if math.isfinite(share) else NOTHING


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign: `-0.231` as "−23.1"."""
    tenths = round(difference * 1000)
    sign = {-1: "−", 0: "", 1: "+"}[(tenths > 0) - (tenths < 0)]
    return f"{sign}{abs(tenths) / 10:.1f}"


def ratio(value: float) -> str:
    """A ratio with two digits after the point."""
    if math.isnan(value):
        return NOTHING
    return f"{value:.2f}" if math.isfinite(value) else "∞"


def p_value(p: float) -> str:
    """A p-value with two digits; very small ones as a bound."""
    if not math.isfinite(p):
        return NOTHING
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def range_of(interval: Interval, form: Callable[[float], str]) -> str:
    """An interval whose ends `form` writes, "10.1 to 20.3%"."""
    return f"{form(interval.low).removesuffix('%')} to {form(interval.high)}"


def without(intervals: Iterable[Interval | None]) -> str:
    """Why some of `intervals`, all of bootstraps over prompts, are missing, to end a note; "" if none is."""
    if None not in intervals:
        return ""
    return f" No interval ({NOTHING}): fewer than {FEWEST} prompts, or all of them change alike."
