"""The curves of a run as one PNG: loss, gap, rises of the error, gradient norm."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from asap.axis import ticks
from asap.store import Row

INK, SOFT, GRID, PAPER = (30, 33, 38), (93, 99, 109), (227, 224, 216), (251, 250, 247)
BLUE, ORANGE, GREEN, GRAY, RED = (
    (47, 109, 181),
    (201, 118, 26),
    (29, 143, 115),
    (120, 125, 134),
    (179, 57, 31),
)
WIDTH, HEIGHT = 520, 300  # pixels of a panel
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 58, 34
FINE = 2  # drawn so many times larger, for smooth lines
REACH, FAR = 3.0, 2.0  # how far beyond the middle half is shown, and what is far beyond that
MOST = 100  # points of a line; each is the mean over as many steps as that takes

Colour = tuple[int, int, int]


class Line(NamedTuple):
    """Values by step, perhaps with a (low, high) band."""

    name: str
    values: Sequence[float]
    colour: Colour
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class Panel(NamedTuple):
    """Lines over the same steps. `level` is a value to mark, with its name; `floor` is kept in view."""

    title: str
    lines: Sequence[Line]
    level: tuple[float, str] | None = None
    floor: float = 0.0


def draw(rows: Sequence[Row], margin: float | None) -> bytes:
    """A PNG of the logged `rows`, at least one; `margin` is the gap that the objective drives pairs to."""
    steps = _binned([row["step"] for row in rows])
    sheet = Pillow.new("RGB", (2 * WIDTH * FINE, 2 * HEIGHT * FINE), PAPER)
    pen = ImageDraw.Draw(sheet, "RGBA")
    for place, panel in enumerate(_panels(rows, margin)):
        _draw(pen, (place % 2 * WIDTH, place // 2 * HEIGHT), panel, steps)
    buffer = io.BytesIO()
    small = sheet.resize((2 * WIDTH, 2 * HEIGHT), Pillow.Resampling.LANCZOS)
    small.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _panels(rows: Sequence[Row], margin: float | None) -> list[Panel]:
    def of(name: str) -> list[float]:
        return _binned([row.get(name, math.nan) for row in rows])

    gap = Line("mean, and 10 to 90% of pairs", of("delta_mean"), BLUE, of("delta_p10"), of("delta_p90"))
    rises = [_share(rows, name) for name in ("winner_rise", "loser_rise")]
    return [
        Panel("Loss", [Line("mean over a step's pairs", of("loss"), BLUE)]),
        Panel("Preference gap", [gap], (margin, f"margin {margin:g}") if margin else None),
        Panel(
            "Rise of the error over the untrained model, %",
            [Line("faulty pictures", rises[1], ORANGE), Line("good pictures", rises[0], GREEN)],
        ),
        Panel("Gradient norm", [Line("before clipping", of("grad_norm"), GRAY)]),
    ]


def _share(rows: Sequence[Row], name: str) -> list[float]:
    """Per cent of the untrained model's error, as ratio of means."""
    over, base = (_binned([row.get(key, math.nan) for row in rows]) for key in (name, "winner_base"))
    return [100 * a / b if b else math.nan for a, b in zip(over, base)]


def _binned(values: Sequence[float]) -> list[float]:
    """Means over at most `MOST` stretches of equal length."""
    width = -(-len(values) // MOST)
    return [fmean(values[start : start + width]) for start in range(0, len(values), width)]


class _Frame(NamedTuple):
    """Where values lie in the drawing; those beyond the ticks `ys` lie on its edge."""

    corner: tuple[int, int]
    xs: Sequence[float]
    ys: Sequence[float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        across = (x - self.xs[0]) / (self.xs[-1] - self.xs[0])
        up = (min(max(y, self.ys[0]), self.ys[-1]) - self.ys[0]) / (self.ys[-1] - self.ys[0])
        return (
            FINE * (self.corner[0] + LEFT + across * wide),
            FINE * (self.corner[1] + HEIGHT - BOTTOM - up * tall),
        )


def _draw(pen: ImageDraw.ImageDraw, corner: tuple[int, int], panel: Panel, steps: Sequence[float]) -> None:
    values = [v for line in panel.lines for part in (line.values, line.low, line.high) for v in part]
    finite = [value for value in values if math.isfinite(value)]
    low, high = shown_range(finite, [panel.floor, *(panel.level or ())[:1]])
    frame = _Frame(corner, ticks(steps[0], max(steps[-1], steps[0] + 1), 5), ticks(low, high, 4))
    _axes(pen, frame, panel)
    _cut_off(pen, frame, finite)
    for line in panel.lines:
        _line(pen, frame, steps, line)
    if panel.level:
        _level(pen, frame, *panel.level)


def shown_range(values: Sequence[float], kept: Sequence[float]) -> tuple[float, float]:
    """The range to show of finite `values`, in which `kept` lie: all of them, unless some would squeeze the
    others, as where a run has diverged; then `REACH` times their middle half, with `kept`, on either side."""
    if not values:
        return min(kept), max(kept)
    ordered = sorted(values)
    middle = [ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4], *kept]
    reach = REACH * (max(middle) - min(middle))
    low, high = (min(ordered[0], *kept), max(ordered[-1], *kept))
    if reach > 0:
        low = min(middle) - reach if low < min(middle) - FAR * reach else low
        high = max(middle) + reach if high > max(middle) + FAR * reach else high
    return low, high


def _cut_off(pen: ImageDraw.ImageDraw, frame: _Frame, values: Sequence[float]) -> None:
    """Say what lies beyond the frame."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    beyond = [
        f"{float(f'{value:.2g}'):,g}"
        for value, out in ((low, low < frame.ys[0]), (high, high > frame.ys[-1]))
        if out
    ]
    if beyond:
        x, y = (FINE * side for side in frame.corner)
        place = (x + FINE * (WIDTH - RIGHT), y + FINE * 20)
        pen.text(
            place, f"cut off: values up to {' and '.join(beyond)}", fill=RED, font=_font(12), anchor="rm"
        )


def _axes(pen: ImageDraw.ImageDraw, frame: _Frame, panel: Panel) -> None:
    x, y = (FINE * side for side in frame.corner)
    pen.text((x + FINE * 14, y + FINE * 10), panel.title, fill=INK, font=_font(16))
    for value in frame.ys:
        start, end = frame.at(frame.xs[0], value), frame.at(frame.xs[-1], value)
        pen.line([start, end], fill=SOFT if value == 0 else GRID, width=FINE)
        pen.text((start[0] - 8 * FINE, start[1]), f"{value:.4g}", fill=SOFT, font=_font(12), anchor="rm")
    for value in frame.xs:
        place = frame.at(value, frame.ys[0])
        pen.text((place[0], place[1] + 12 * FINE), f"{value:g}", fill=SOFT, font=_font(12), anchor="mm")
    left: float = x + FINE * LEFT
    for line in panel.lines:
        pen.rounded_rectangle((left, y + 40 * FINE, left + 14 * FINE, y + 44 * FINE), 2 * FINE, line.colour)
        pen.text((left + 20 * FINE, y + 42 * FINE), line.name, fill=SOFT, font=_font(12), anchor="lm")
        left += 44 * FINE + pen.textlength(line.name, font=_font(12))


def _line(pen: ImageDraw.ImageDraw, frame: _Frame, steps: Sequence[float], line: Line) -> None:
    band = [one for one in zip(steps, line.low, line.high) if math.isfinite(one[1] + one[2])]
    upper, lower = ([frame.at(one[0], one[side]) for one in band] for side in (2, 1))
    if len(upper) > 1:
        pen.polygon([*upper, *lower[::-1]], fill=(*line.colour, 38))
    points = [frame.at(x, y) for x, y in zip(steps, line.values) if math.isfinite(y)]
    if len(points) > 1:
        pen.line(points, fill=line.colour, width=2 * FINE, joint="curve")
    elif points:
        (x, y), r = points[0], 3 * FINE
        pen.ellipse((x - r, y - r, x + r, y + r), fill=line.colour)


def _level(pen: ImageDraw.ImageDraw, frame: _Frame, value: float, name: str) -> None:
    (start, height), (end, _) = frame.at(frame.xs[0], value), frame.at(frame.xs[-1], value)
    for x in range(int(start), int(end), 10 * FINE):
        pen.line([(x, height), (min(x + 6 * FINE, end), height)], fill=RED, width=FINE)
    pen.text((end, height - 3 * FINE), name, fill=RED, font=_font(12), anchor="rb")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * FINE)
