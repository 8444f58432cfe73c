"""A radar chart with error bars, as inline SVG: one spoke a category, one line a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from asap.bench.page.charts import COLOURS, top_of

WIDTH, HEIGHT, RADIUS = 400, 316, 116
CENTRE = (WIDTH / 2, HEIGHT / 2)
SPREAD = 4.5  # units between the error bars of neighbouring models on a spoke
WRAPPED = 12  # letters of a category's name on one line
# a shape for each colour, so that neither is needed alone; the units are those of the drawing
SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "M-3.6-3.6H3.6V3.6H-3.6Z",
    "M0-5L4.6 3.2H-4.6Z",
    "M0-5L5 0L0 5L-5 0Z",
    "M0 5L4.6-3.2H-4.6Z",
    "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z",
    "M0-5L4.8-1.5L3 4.2H-3L-4.8-1.5Z",
)


@dataclass(frozen=True)
class Line:
    """A model's shares in [0, 1], one a spoke, with their intervals; a share may be no number."""

    label: str
    values: Sequence[float]
    intervals: Sequence[tuple[float, float]]
    colour: int = 0


def radar(spokes: Sequence[str], lines: Sequence[Line], *, top: float | None = None) -> Markup:
    """The chart, with a legend; empty for fewer than three spokes, which span no plane. Its rim is `top`, by
    default the next round share that holds all intervals.

    The error bars of several models stand side by side about their spoke; all end at the chart's rim.
    """
    if len(spokes) < 3 or not lines:
        return Markup("")
    top = top or rim(lines)
    parts = [_web(spokes, top), *(_area(line, top) for line in lines)]
    parts += [_bars(line, number - (len(lines) - 1) / 2, top) for number, line in enumerate(lines)]
    told = "; ".join(f"{line.label}: {_told(spokes, line)}" for line in lines)
    svg = Markup('<svg class="radar" viewBox="0 0 {} {}" role="img"><title>{}</title>{}</svg>')
    drawn = svg.format(WIDTH, HEIGHT, told, Markup("").join(parts))
    keys = Markup("").join(_key(line) for line in lines)
    return Markup('<figure class="chart">{}<div class="legend">{}</div></figure>').format(drawn, keys)


def rim(lines: Sequence[Line]) -> float:
    """A round share that holds all intervals of `lines`."""
    ends = [high for line in lines for value, (_, high) in zip(line.values, line.intervals) if value == value]
    return top_of(max(ends, default=1.0))


def _told(spokes: Sequence[str], line: Line) -> str:
    return ", ".join(f"{name} {value:.1%}" for name, value in zip(spokes, line.values) if value == value)


def _at(spoke: int, count: int, share: float, aside: float = 0.0) -> tuple[float, float]:
    """Where `share` of the radius lies on a spoke, `aside` units off it; the first spoke points up."""
    angle = 2 * math.pi * spoke / count - math.pi / 2
    x, y = math.cos(angle), math.sin(angle)
    return CENTRE[0] + RADIUS * share * x - aside * y, CENTRE[1] + RADIUS * share * y + aside * x


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _web(spokes: Sequence[str], top: float) -> Markup:
    count = len(spokes)
    rings = [
        Markup('<path class="grid" d="{}Z"/>').format(_path([_at(n, count, part) for n in range(count)]))
        for part in (0.25, 0.5, 0.75, 1)
    ]
    rays = [
        Markup('<path class="grid" d="{}"/>').format(_path([CENTRE, _at(n, count, 1)])) for n in range(count)
    ]
    number = Markup('<text class="y" x="{:.1f}" y="{:.1f}">{:.3g}%</text>')
    numbers = [number.format(CENTRE[0] - 5, CENTRE[1] - RADIUS * p + 11, 100 * p * top) for p in (0.5, 1)]
    return Markup("").join(
        [*rings, *rays, *(_name(name, n, count) for n, name in enumerate(spokes)), *numbers]
    )


def _name(name: str, spoke: int, count: int) -> Markup:
    """The spoke's name beyond its end, on as many lines as it needs, away from the chart."""
    x, y = _at(spoke, count, 1 + 13 / RADIUS)
    side, rows = x - CENTRE[0], _wrapped(name)
    anchor = "middle" if abs(side) < 8 else "start" if side > 0 else "end"
    first = y + 4 - 14 * (len(rows) - 1) * (1 - (y - CENTRE[1]) / RADIUS) / 2
    line = Markup('<tspan x="{:.1f}" y="{:.1f}">{}</tspan>')
    spans = Markup("").join(line.format(x, first + 14 * n, row) for n, row in enumerate(rows))
    return Markup('<text style="text-anchor:{}">{}</text>').format(anchor, spans)


def _wrapped(name: str) -> list[str]:
    """The name on lines of `WRAPPED` letters, and what stands in brackets behind it on one of its own."""
    name, bracket, rest = name.partition(" (")
    rows = [""]
    for word in name.split():
        if rows[-1] and len(rows[-1]) + 1 + len(word) > WRAPPED:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    short = [row if len(row) <= WRAPPED + 3 else f"{row[: WRAPPED + 2]}…" for row in rows][:3]
    return [*short, f"({rest}"] if bracket else short


def _area(line: Line, top: float) -> Markup:
    count = len(line.values)
    points = [_at(n, count, value / top) for n, value in enumerate(line.values) if value == value]
    return (
        Markup('<path class="area c{}" d="{}Z"/>').format(line.colour % COLOURS, _path(points))
        if points
        else Markup("")
    )


def _bars(line: Line, place: float, top: float) -> Markup:
    """The marks and error bars of one model."""
    count, drawn = len(line.values), []
    for n, (value, (low, high)) in enumerate(zip(line.values, line.intervals, strict=True)):
        if value != value:
            continue
        bar = _path([_at(n, count, end / top, place * SPREAD) for end in (low, high)])
        drawn.append(Markup('<path class="whisker" d="{}"/>').format(bar))
        drawn.append(_shape(line.colour, *_at(n, count, value / top, place * SPREAD)))
    return Markup('<g class="c{}">{}</g>').format(line.colour % COLOURS, Markup("").join(drawn))


def _shape(colour: int, x: float, y: float) -> Markup:
    shape = SHAPES[colour % COLOURS]
    return Markup('<path class="shape" transform="translate({:.1f} {:.1f})" d="{}"/>').format(x, y, shape)


def _key(line: Line) -> Markup:
    mark = Markup('<svg class="sign" viewBox="-7 -7 14 14" aria-hidden="true">{}</svg>').format(
        _shape(line.colour, 0, 0)
    )
    return Markup('<span class="c{}">{}{}</span>').format(line.colour % COLOURS, mark, line.label)
