"""Small multiples of curves with bands as one SVG file that needs nothing else; every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from asap.axis import ticks
from asap.lab.numbers import Estimate

COLOURS = (
    "#8b8f98",
    "#2f6db5",
    "#c9761a",
    "#1d8f73",
    "#a3478f",
    "#8a7a10",
    "#b3391f",
    "#4f57a6",
    "#3a8fa3",
    "#6b4a2b",
)
WIDTH, HEIGHT = 300, 230
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 34, 40
LEGEND = 30


@dataclass(frozen=True)
class Line:
    """One objective's estimates by x (training steps, doses, pairs)."""

    label: str
    points: Sequence[tuple[float, Estimate]]
    colour: int


@dataclass(frozen=True)
class Panel:
    """Lines of one number; `log` says whether x is spaced by its logarithm; `level` is the base's value;
    nothing can be above `most`, as no share above 1."""

    title: str
    x_label: str
    lines: Sequence[Line]
    log: bool = True
    level: float | None = None
    most: float = math.inf


def svg(panels: Sequence[Panel], columns: int = 3) -> str:
    """The panels side by side, `columns` a row, with one legend below for all of them."""
    rows = math.ceil(len(panels) / columns)
    width, height = min(columns, len(panels)) * WIDTH, rows * HEIGHT + LEGEND
    placed = [
        Markup('<g transform="translate({} {})">{}</g>').format(
            i % columns * WIDTH, i // columns * HEIGHT, _panel(panel)
        )
        for i, panel in enumerate(panels)
    ]
    keys = {line.label: line.colour for panel in panels for line in panel.lines}
    style = Markup(
        "text{font:11px system-ui,'Segoe UI',sans-serif;fill:#5d636d}"
        ".t{font-size:13px;font-weight:600;fill:#1e2126}.g{stroke:#e3e0d8;fill:none}.n{text-anchor:middle}"
        ".e{text-anchor:end}.l{fill:none;stroke-width:2;stroke-linejoin:round}.b{opacity:.13}"
        ".v{stroke:#1e2126;stroke-dasharray:5 4;fill:none}"
    )
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
            'role="img">'
            '<style>{s}</style><rect width="{w}" height="{h}" fill="#fbfaf7"/>{p}{k}</svg>\n'
        ).format(
            w=width, h=height, s=style, p=Markup("").join(placed), k=_legend(keys, width, rows * HEIGHT + 14)
        )
    )


def _legend(keys: dict[str, int], width: int, y: float) -> Markup:
    step = min(110.0, (width - 20) / max(1, len(keys)))
    key = Markup('<circle cx="{:.1f}" cy="{}" r="4" fill="{}"/><text x="{:.1f}" y="{}">{}</text>')
    return Markup("").join(
        key.format(20 + i * step, y - 4, COLOURS[colour % len(COLOURS)], 28 + i * step, y, label)
        for i, (label, colour) in enumerate(keys.items())
    )


def _panel(panel: Panel) -> Markup:
    xs = sorted({x for line in panel.lines for x, _ in line.points})
    ends = [end for line in panel.lines for _, e in line.points for end in (e.mean, e.low, e.high)]
    # where an interval of few seeds goes where no value can be, below zero or above `most`, it is cut off
    ends = [min(max(0.0, end), panel.most) for end in [*ends, panel.level or 0.0] if math.isfinite(end)]
    marks = ticks(0.0, max(ends), 4)
    at_x, at_y = _scale_x(xs, panel.log), _scale_y(marks[0], marks[-1])
    drawn = [_frame(panel, xs, marks, at_x, at_y), *(_line(line, at_x, at_y) for line in panel.lines)]
    if panel.level is not None:
        level = Markup('<path class="v" d="M{} {:.1f}H{}"/>')
        drawn.append(level.format(LEFT, at_y(panel.level), WIDTH - RIGHT))
    return Markup("").join(drawn)


def _scale_x(xs: Sequence[float], log: bool) -> Callable[[float], float]:
    measure = math.log if log and xs[0] > 0 else float
    low, high = measure(xs[0]), measure(xs[-1])
    span = (high - low) or 1.0
    return lambda x: LEFT + 8 + (measure(x) - low) / span * (WIDTH - LEFT - RIGHT - 16)


def _scale_y(low: float, high: float) -> Callable[[float], float]:
    return lambda y: HEIGHT - BOTTOM - (min(max(y, low), high) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _frame(
    panel: Panel,
    xs: Sequence[float],
    marks: Sequence[float],
    at_x: Callable[[float], float],
    at_y: Callable[[float], float],
) -> Markup:
    row = Markup('<path class="g" d="M{} {:.1f}H{}"/><text class="e" x="{}" y="{:.1f}">{:.4g}</text>')
    rows = [row.format(LEFT, at_y(y), WIDTH - RIGHT, LEFT - 5, at_y(y) + 4, y) for y in marks]
    foot = Markup('<text class="n" x="{:.1f}" y="{}">{:g}</text>')
    feet = [foot.format(at_x(x), HEIGHT - BOTTOM + 15, x) for x in xs]
    name = Markup('<text class="t" x="{}" y="20">{}</text><text class="n" x="{}" y="{}">{}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    return Markup("").join([*rows, *feet, name.format(LEFT, panel.title, middle, HEIGHT - 8, panel.x_label)])


def _line(line: Line, at_x: Callable[[float], float], at_y: Callable[[float], float]) -> Markup:
    colour = COLOURS[line.colour % len(COLOURS)]
    sure = [(x, e) for x, e in line.points if math.isfinite(e.low)]
    outline = [(at_x(x), at_y(e.high)) for x, e in sure] + [(at_x(x), at_y(e.low)) for x, e in reversed(sure)]
    band = (
        Markup('<path class="b" fill="{}" d="{}Z"/>').format(colour, _path(outline)) if len(sure) > 1 else ""
    )
    middle = [(at_x(x), at_y(e.mean)) for x, e in line.points]
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.6" fill="{}"/>')
    dots = Markup("").join(dot.format(x, y, colour) for x, y in middle)
    return Markup('{}<path class="l" stroke="{}" d="{}"/>{}').format(band, colour, _path(middle), dots)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
