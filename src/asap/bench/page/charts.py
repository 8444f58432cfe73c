"""Bars as inline SVG. Colours are the page's CSS classes c0, c1, ...; every text from data is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

COLOURS = 7  # classes c0 to c6 of the page; c0 is the base's

TOPS = (0.04, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # ends of scales whose middle is round, too


@dataclass(frozen=True)
class Bar:
    """A share in [0, 1] with its interval, and the text that stands beside it."""

    label: str
    value: float
    low: float
    high: float
    text: str
    colour: int = 0


def top_of(items: Sequence[Bar]) -> float:
    """The end of a scale from 0 that holds all of `items`: the next of `TOPS`."""
    highest = max((bar.high for bar in items if math.isfinite(bar.high)), default=1.0)
    return next((top for top in TOPS if top >= highest), 1.0)


def bars(items: Sequence[Bar], *, title: str = "", top: float | None = None) -> Markup:
    """Horizontal bars with error bars on a scale from 0 to `top` (by default to the highest end).

    Labels are HTML beside stretched SVG, so that they keep their size on a narrow screen.
    """
    top = top_of(items) if top is None else top
    caption = Markup("<figcaption>{}</figcaption>").format(title) if title else Markup("")
    drawn = Markup("").join(_bar(bar, 100 / top) for bar in items)
    axis = Markup("<span>0</span><span>{:.3g}%</span><span>{:.3g}%</span>").format(top * 50, top * 100)
    figure = Markup('<figure class="{}">{}<div class="bars">{}<div class="axis">{}</div></div></figure>')
    return figure.format("chart" if title else "wide", caption, drawn, axis)


def _bar(bar: Bar, scale: float) -> Markup:
    value, low, high = (_finite(v, 0.0) * scale for v in (bar.value, bar.low, bar.high))
    row = Markup(
        '<div class="bar-label">{label}</div>'
        '<svg class="bar c{colour}" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" '
        'aria-label="{label}: {text}">'
        '<rect class="track" width="100" height="20"/>'
        '<rect class="fill" width="{value:.2f}" height="20"/>'
        '<path class="whisker" d="M{low:.2f} 10H{high:.2f}M{low:.2f} 5V15M{high:.2f} 5V15"/></svg>'
        '<div class="bar-value">{text}</div>'
    )
    colour = bar.colour % COLOURS
    return row.format(label=bar.label, text=bar.text, colour=colour, value=value, low=low, high=high)


def _finite(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise
