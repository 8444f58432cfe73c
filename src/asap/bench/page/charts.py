"""Dots with intervals, as inline SVG. Colours are the page's CSS classes c0, c1, ...; every text from data is
escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from asap.axis import ticks

COLOURS = 7  # classes c0 to c6 of the page; c0 is the base's

TOPS = (0.04, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)  # ends of scales whose middle is round, too


@dataclass(frozen=True)
class Dot:
    """A value with its interval (None where there is none), and the text that stands beside it."""

    label: str
    value: float
    interval: tuple[float, float] | None
    text: str
    colour: int = 0


def top_of(highest: float) -> float:
    """The end of a scale of shares from 0 that holds `highest`: the next of `TOPS`."""
    return next((top for top in TOPS if top >= highest), 1.0)


def shares(items: Sequence[Dot], *, title: str = "", reference: float | None = None) -> Markup:
    """Shares in [0, 1] on a scale from 0 in percent; `reference` is a value to mark by a line."""
    highest = max((end for end in _ends(items) if math.isfinite(end)), default=1.0)
    scale = ticks(0.0, top_of(highest), 4)
    return dots(items, scale, lambda share: f"{100 * share:.3g}%", title=title, reference=reference)


def changes(
    items: Sequence[Dot], form: Callable[[float], str], *, title: str = "", scaled: Sequence[Dot] = ()
) -> Markup:
    """Differences about a line at zero: a forest plot. `form` writes the numbers of the axis, which holds
    `scaled`, too, so that several plots may share one scale."""
    ends = [end for end in _ends([*items, *scaled]) if math.isfinite(end)]
    scale = ticks(min(0.0, *ends), max(0.0, *ends), 5) if ends else (-1.0, 0.0, 1.0)
    return dots(items, scale, form, title=title, reference=0.0)


def _ends(items: Sequence[Dot]) -> list[float]:
    return [end for dot in items for end in (dot.value, *(dot.interval or ()))]


def dots(
    items: Sequence[Dot],
    scale: Sequence[float],
    form: Callable[[float], str],
    *,
    title: str = "",
    reference: float | None = None,
) -> Markup:
    """One row for each of `items`, on an axis with the numbers of `scale`; empty for none.

    Labels are HTML beside stretched SVG, so that they keep their size on a narrow screen.
    """
    if not items:
        return Markup("")
    caption = Markup("<figcaption>{}</figcaption>").format(title) if title else Markup("")
    drawn = Markup("").join(_row(dot, scale, reference) for dot in items)
    figure = Markup('<figure class="{}">{}<div class="dots">{}<div class="axis">{}</div></div></figure>')
    return figure.format("chart" if title else "wide", caption, drawn, _axis(scale, form))


def _axis(scale: Sequence[float], form: Callable[[float], str]) -> Markup:
    number = Markup('<span style="left:{:.2f}%">{}</span>')
    return Markup("").join(number.format(_place(value, scale), form(value)) for value in scale)


def _place(value: float, scale: Sequence[float]) -> float:
    """Where a value lies on the axis, in percent, within it."""
    return min(100.0, max(0.0, 100 * (value - scale[0]) / (scale[-1] - scale[0])))


def _row(dot: Dot, scale: Sequence[float], reference: float | None) -> Markup:
    lines = [_line("grid", _place(value, scale)) for value in scale]
    lines += [] if reference is None else [_line("reference", _place(reference, scale))]
    row = Markup(
        '<div class="dot-label">{}</div>'
        '<svg class="dot c{}" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="{}: {}">'
        '{}{}</svg><div class="dot-value">{}</div>'
    )
    drawn = Markup("").join([*lines, _whisker(dot, scale)])
    return row.format(
        dot.label, dot.colour % COLOURS, dot.label, dot.text, drawn, _point(dot, scale), dot.text
    )


def _line(kind: str, x: float) -> Markup:
    return Markup('<path class="{}" d="M{:.2f} 0V20"/>').format(kind, x)


def _whisker(dot: Dot, scale: Sequence[float]) -> Markup:
    if dot.interval is None or any(math.isnan(end) for end in dot.interval):
        return Markup("")
    low, high = (_place(end, scale) for end in dot.interval)
    return Markup('<path class="whisker" d="M{0:.2f} 10H{1:.2f}M{0:.2f} 6V14M{1:.2f} 6V14"/>').format(
        low, high
    )


def _point(dot: Dot, scale: Sequence[float]) -> Markup:
    """A dot that stays round however the drawing is stretched: the round end of a line without length."""
    if not math.isfinite(dot.value):
        return Markup("")
    return Markup('<path class="point" d="M{:.2f} 10h0"/>').format(_place(dot.value, scale))
