"""Charts as inline SVG. Colours are the page's CSS classes c0, c1, ...; every text from data is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

COLOURS = 7  # classes c0 to c6 of the page; c0 is the base's


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
    """The end of a scale from 0 that holds all of `items`: the next multiple of 5%, at most 1."""
    highest = max((bar.high for bar in items if math.isfinite(bar.high)), default=1.0)
    return min(1.0, math.ceil(highest * 20) / 20) or 1.0


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


@dataclass(frozen=True)
class Curve:
    """A line through (x, y) points, y a share in [0, 1] unless the chart says otherwise; optionally with a
    (low, high) band per point."""

    label: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float]] = ()
    colour: int = 0


WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 40


def curves(title: str, x_label: str, lines: Sequence[Curve], *, percent: bool = True) -> Markup:
    """A chart of `lines` against a shared x axis, y from 0; a legend stands under it."""
    shown = [curve for curve in lines if curve.points]
    if not shown:
        return Markup("")
    xs = [x for curve in shown for x, _ in curve.points]
    ys = [y for curve in shown for _, y in curve.points] + [h for curve in shown for _, h in curve.band]
    frame = _Frame(min(xs), max(xs), _ceiling(max(ys)))
    parts = [_grid(frame, sorted(set(xs)), percent), *(_curve(frame, curve) for curve in shown)]
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}<text class="x" x="{}" y="{}">{}</text></svg>'
    )
    drawn = svg.format(WIDTH, HEIGHT, title, Markup("").join(parts), (LEFT + WIDTH) / 2, HEIGHT - 4, x_label)
    keys = Markup("").join(_legend(curve) for curve in shown)
    return Markup(
        '<figure class="chart"><figcaption>{}</figcaption>{}<div class="legend">{}</div></figure>'
    ).format(title, drawn, keys)


@dataclass(frozen=True)
class _Frame:
    x_low: float
    x_high: float
    y_high: float

    def x(self, value: float) -> float:
        span = (self.x_high - self.x_low) or 1.0
        return LEFT + (value - self.x_low) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.y_high * (HEIGHT - TOP - BOTTOM)


def _grid(frame: _Frame, xs: Sequence[float], percent: bool) -> Markup:
    line = Markup('<path class="grid" d="M{} {:.1f}H{}"/><text class="y" x="{}" y="{:.1f}">{}</text>')
    rows = []
    for k in range(5):
        value = frame.y_high * k / 4
        text = f"{value * 100:.3g}%" if percent else f"{value:.3g}"
        rows.append(line.format(LEFT, frame.y(value), WIDTH - RIGHT, LEFT - 6, frame.y(value) + 4, text))
    tick = Markup('<text class="x" x="{:.1f}" y="{}">{:g}</text>')
    every = math.ceil(len(xs) / 8)
    rows += [tick.format(frame.x(x), HEIGHT - BOTTOM + 16, x) for x in xs[::every]]
    return Markup("").join(rows)


def _curve(frame: _Frame, curve: Curve) -> Markup:
    points = [(frame.x(x), frame.y(y)) for x, y in curve.points]
    band = Markup("")
    if curve.band:
        xs = [x for x, _ in points]
        edge = [
            *zip(xs, (frame.y(h) for _, h in curve.band)),
            *zip(xs[::-1], (frame.y(v) for v, _ in curve.band[::-1])),
        ]
        band = Markup('<path class="band" d="{}Z"/>').format(_path(edge))
    dots = Markup("").join(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3"/>').format(x, y) for x, y in points)
    line = Markup('<g class="curve c{}">{}<path class="line" d="{}"/>{}</g>')
    return line.format(curve.colour % COLOURS, band, _path(points), dots)


def _legend(curve: Curve) -> Markup:
    return Markup('<span class="key c{}">{}</span>').format(curve.colour % COLOURS, curve.label)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _ceiling(value: float) -> float:
    """The next number of the form 1, 2, 4, 5 or 8 times a power of ten; 1 for nothing above zero."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 4, 5, 8, 10) if m * power >= value * 0.999)


def _finite(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise
