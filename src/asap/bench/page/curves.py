"""Line charts as inline SVG, for the report's page: its colours, its fonts, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from asap.axis import ticks
from asap.bench.page.charts import COLOURS


@dataclass(frozen=True)
class Curve:
    """A line through (x, y) points, perhaps dashed, perhaps with a (low, high) band per point."""

    label: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float]] = ()
    colour: int = 0
    dashed: bool = False


WIDTH, HEIGHT = 300, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 36
DOTTED = 12  # points up to which each has a dot


def curves(
    title: str, x_label: str, lines: Sequence[Curve], *, level: tuple[float, str] | None = None
) -> Markup:
    """A chart of `lines` against a shared x axis on a scale that holds zero; empty where they are.

    Args:
        title: stands above the chart.
        level: a value to mark by a dashed line, and its name.
    """
    shown = [curve for curve in lines if curve.points]
    if not shown:
        return Markup("")
    frame = _frame(shown, level[0] if level else 0.0)
    marked = _level(frame, *level) if level else Markup("")
    parts = [_grid(frame), *(_curve(frame, curve) for curve in shown), marked]
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img"><title>{}</title><desc>{}</desc>{}'
        '<text class="x" x="{}" y="{}">{}</text></svg>'
    )
    middle = (LEFT + WIDTH - RIGHT) / 2
    told = "; ".join(_told(curve, x_label) for curve in shown)
    drawn = svg.format(WIDTH, HEIGHT, title, told, Markup("").join(parts), middle, HEIGHT - 5, x_label)
    keys = Markup("").join(_legend(curve) for curve in shown)
    figure = Markup(
        '<figure class="chart"><figcaption>{}</figcaption>{}<div class="legend">{}</div></figure>'
    )
    return figure.format(title, drawn, keys)


def _told(curve: Curve, x_label: str) -> str:
    """The line in words, for those who do not see it."""
    (first, start), (last, end) = curve.points[0], curve.points[-1]
    return f"{curve.label}: from {start:.3g} at {x_label} {first:g} to {end:.3g} at {last:g}"


@dataclass(frozen=True)
class _Frame:
    """Round values along the axes, and where a value lies in the drawing."""

    xs: Sequence[float]
    ys: Sequence[float]

    def x(self, value: float) -> float:
        low, high = self.xs[0], self.xs[-1]
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.ys[0], self.ys[-1]
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _frame(lines: Sequence[Curve], level: float) -> _Frame:
    xs = [x for curve in lines for x, _ in curve.points]
    ys = [y for curve in lines for _, y in curve.points]
    ys += [edge for curve in lines for pair in curve.band for edge in pair]
    return _Frame(ticks(min(xs), max(xs), 5), ticks(min(0.0, level, *ys), max(0.0, level, *ys), 4))


def _grid(frame: _Frame) -> Markup:
    line = Markup('<path class="{}" d="M{} {:.1f}H{}"/><text class="y" x="{}" y="{:.1f}">{}</text>')
    tick = Markup('<text class="x" x="{:.1f}" y="{}">{:.6g}</text>')
    end, label = WIDTH - RIGHT, LEFT - 6
    rows = [
        line.format("grid" if y else "zero", LEFT, frame.y(y), end, label, frame.y(y) + 4, _number(y))
        for y in frame.ys
    ]
    return Markup("").join([*rows, *(tick.format(frame.x(x), HEIGHT - BOTTOM + 16, x) for x in frame.xs)])


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _curve(frame: _Frame, curve: Curve) -> Markup:
    points = [(frame.x(x), frame.y(y)) for x, y in curve.points]
    xs = [x for x, _ in points]
    upper = [(x, frame.y(high)) for x, (_, high) in zip(xs, curve.band)]
    lower = [(x, frame.y(low)) for x, (low, _) in zip(xs, curve.band)]
    outline = [*upper, *lower[::-1]]
    band = Markup('<path class="band" d="{}Z"/>').format(_path(outline)) if outline else Markup("")
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3"/>')
    dots = Markup("").join(dot.format(x, y) for x, y in points if len(points) <= DOTTED)
    line = Markup('<g class="curve c{}">{}<path class="line{}" d="{}"/>{}</g>')
    return line.format(curve.colour % COLOURS, band, " dashed" * curve.dashed, _path(points), dots)


def _level(frame: _Frame, value: float, name: str) -> Markup:
    line = Markup('<path class="level" d="M{} {:.1f}H{}"/><text class="y" x="{}" y="{:.1f}">{}</text>')
    height = frame.y(value)
    return line.format(LEFT, height, WIDTH - RIGHT, WIDTH - RIGHT - 2, height - 5, name)


def _legend(curve: Curve) -> Markup:
    key = Markup('<span class="key c{}{}">{}</span>')
    return key.format(curve.colour % COLOURS, " dashed" * curve.dashed, curve.label)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
