"""Line charts: inside their frame, on round scales, told in words."""

from __future__ import annotations

import re

from markupsafe import Markup

from asap.bench.page.curves import HEIGHT, LEFT, WIDTH, Curve, curves


def test_points_band_and_level_lie_inside_the_frame() -> None:
    line = Curve("a", [(0, -0.1), (50, 0.31), (100, 0.62)], [(-0.3, 0.1), (0.2, 0.4), (0.5, 0.7)], 1)
    drawn = curves("Error", "step", [line], level=(0.9, "tau = 0.9"))
    assert isinstance(drawn, Markup)
    dots = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert dots == sorted(dots) and [y for _, y in dots] == sorted((y for _, y in dots), reverse=True)
    (path,) = re.findall(r'class="band" d="M([^Z]+)Z"', drawn)
    corners = [tuple(map(float, corner.split())) for corner in path.split("L")]
    assert len(corners) == 6 and all(LEFT <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners + dots)
    (level,) = re.findall(r'class="level" d="M\d+ ([\d.]+)H', drawn)
    assert 0 <= float(level) < min(y for _, y in corners)
    assert all(f">{shown}<" in drawn for shown in ("0", "−0.5", "1", "100", "step", "tau = 0.9"))


def test_a_chart_is_told_to_those_who_do_not_see_it() -> None:
    drawn = curves("Error", "step", [Curve("a & b", [(0, 0.5), (40, 0.25)])])
    assert 'role="img"><title>Error</title>' in drawn
    assert "<desc>a &amp; b: from 0.5 at step 0 to 0.25 at 40</desc>" in drawn


def test_many_points_have_no_dots_and_none_no_chart() -> None:
    drawn = curves("Error", "step", [Curve("a", [(x, 0.1) for x in range(30)], dashed=True)])
    assert "<circle" not in drawn and 'class="line dashed"' in drawn and "key c0 dashed" in drawn
    assert curves("Error", "step", [Curve("a", [])]) == ""
