"""Judged models against their training steps, as a section of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from asap.bench.drift import PartMask, mean_drift
from asap.bench.page import Section
from asap.bench.page.curves import Curve, curves
from asap.bench.results import Method, rate, versus
from asap.bench.statistics import Interval


class Stop(NamedTuple):
    """A model after `step` steps: its error rate with interval, the share of the base's right images that it
    broke, and its drift."""

    step: int
    aer: float
    interval: Interval
    broken: float
    drift: float


def section(
    base: Method, stops: Mapping[str, Mapping[int, Method]], part_mask: PartMask | None = None
) -> Section:
    """Curves of error rate, broken images and drift.

    Args:
        base: the untrained model, which is every curve's start.
        stops: a model's name -> training steps -> the judged model.
    """
    first = rate(base.judgements.values())
    start = Stop(0, first.aer, first.interval, 0.0, 0.0)
    found = {
        name: [start, *(_stop(base, step, method, part_mask) for step, method in sorted(own.items()))]
        for name, own in stops.items()
    }
    charts = [
        _chart("anatomical error rate", found, lambda stop: stop.aer, band=True),
        _chart("right images broken", found, lambda stop: stop.broken),
        _chart("drift", found, lambda stop: stop.drift),
    ]
    text = (
        "What each method does on its way. A lower error rate is worth little where it is bought with right "
        "images that break or with changes where none belong."
    )
    return Section("Against training steps", text, charts, note="The band is the 95% interval over prompts.")


def _stop(base: Method, step: int, method: Method, part_mask: PartMask | None) -> Stop:
    own, against = rate(method.judgements.values()), versus(base, method)
    drift = mean_drift(base, method, part_mask)
    broken = against.paired.broken if against else math.nan
    return Stop(step, own.aer, own.interval, broken, drift.mean if drift else math.nan)


def _chart(
    title: str, found: Mapping[str, Sequence[Stop]], value: Callable[[Stop], float], *, band: bool = False
) -> Markup:
    lines = [
        Curve(
            name,
            [(stop.step, value(stop)) for stop in own if math.isfinite(value(stop))],
            [stop.interval for stop in own] if band else [],
            colour,
        )
        for colour, (name, own) in enumerate(found.items(), 1)
    ]
    return curves(title, "training steps", lines)
