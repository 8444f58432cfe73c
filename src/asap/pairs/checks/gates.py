"""The gates a pair has to pass: plainly changed inside its mask, unchanged outside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.composite import crop_box
from asap.records import Image, Mask

Map = NDArray[np.float32]
Metrics = Mapping[str, float | None]
"""What was measured of a pair, by name; None or missing where it was not."""

RADIUS = 5
"""Half of SSIM's window of 11 pixels."""
SMALLEST = 12
"""Shorter side of a mask's box, in pixels, below which an error is too small to be seen."""
LARGEST = 0.6
"""Share of the picture above which an error is not local."""
NUMBERS = ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside")
TARGETS = ("ssim_inside", "lpips_inside", "ssim_outside", "lpips_outside")
"""What is measured; and the same in the order of a target: inside, then outside."""


def ssim_map(a: Image, b: Image) -> Map:
    """(H, W) structural similarity of two pictures (H, W, 3), the mean of their channels.

        ((2 ma mb + c1) (2 cov + c2)) / ((ma^2 + mb^2 + c1) (va + vb + c2))

    with means, variances and covariance under a Gaussian window (sigma 1.5, 11 x 11), c1 = (0.01 * 255)^2 and
    c2 = (0.03 * 255)^2. It is 1 wherever the windows are equal. Source: Wang et al., IEEE TIP 13(4), 2004.
    """
    x, y = a.astype(np.float32), b.astype(np.float32)
    mx, my = _window(x), _window(y)
    vx, vy, cov = _window(x * x) - mx * mx, _window(y * y) - my * my, _window(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mx * my + c1) * (2 * cov + c2)
    bottom = (mx * mx + my * my + c1) * (vx + vy + c2)
    return np.asarray((top / bottom).mean(axis=2), np.float32)


def _window(values: Map) -> Map:
    side = 2 * RADIUS + 1
    return np.asarray(cv2.GaussianBlur(values, (side, side), 1.5, borderType=cv2.BORDER_REFLECT))


def similarity(chosen: Image, rejected: Image, mask: Mask) -> dict[str, float]:
    """SSIM averaged over the pixels in `mask` ("ssim_inside") and over all others ("ssim_outside").

    The convention of the ring: every pixel counts on the side on which it lies, also the ring of pixels
    less than 6 from the mask's border, whose windows see both sides. So the mean outside is a bound from
    below: it falls short of 1 by the ring alone, since pixels outside are equal. Without the ring it would be
    1 for every pair that was composited, and say nothing; hence it is not kept. Only the surroundings of the
    mask are computed; elsewhere windows are equal and SSIM is 1.

    Raises:
        ValueError: `mask` is empty.
    """
    box = crop_box(mask, 2 * RADIUS)
    if box is None:
        raise ValueError("an empty mask has no inside")
    left, top, right, bottom = box
    inside = mask[top:bottom, left:right]
    values = ssim_map(chosen[top:bottom, left:right], rejected[top:bottom, left:right]).astype(np.float64)
    lost = float((1 - values[~inside]).sum())
    others = mask.size - int(inside.sum())
    return {
        "ssim_inside": round(float(values[inside].mean()), 6),
        "ssim_outside": round(1 - lost / others, 6) if others else 1.0,
    }


class Gates(NamedTuple):
    """What a pair's numbers have to keep to.

    Attributes:
        ssim_inside: the largest SSIM in the mask at which an error is still seen.
        ssim_outside: the smallest SSIM of all other pixels.
        lpips_inside: the smallest LPIPS in the mask at which an error is still seen, where it is measured.
        lpips_outside: the largest LPIPS of all other pixels, where it is measured.
        smallest: the least shorter side of the mask's box, in pixels.
    """

    ssim_inside: float = 0.85
    ssim_outside: float = 0.98
    lpips_inside: float = 0.05
    lpips_outside: float = 0.05
    smallest: int = SMALLEST


class Target(NamedTuple):
    """Where the numbers of a pair ought to lie: four bands, each a centre and its half-width.

    The centres are the averages published for HAP (Li, Xiu, Liu, 2026). Outside the mask only what is worse
    than the centre counts as away from it: nothing is to change there.
    """

    ssim_inside: float = 0.53
    lpips_inside: float = 0.34
    ssim_outside: float = 0.98
    lpips_outside: float = 0.01
    bands: tuple[float, float, float, float] = (0.25, 0.2, 0.02, 0.04)

    def offsets(self, metrics: Metrics) -> dict[str, float]:
        """How far each number that was measured is from its centre, in half-widths of its band.

        Inside, positive says too little change; outside, where it is never negative, too much.
        """
        named = dict(zip(TARGETS, zip(self[:4], self.bands)))
        found = {}
        for name, (centre, band) in named.items():
            value = metrics.get(name)
            if value is not None:
                less_alike = name in ("lpips_inside", "ssim_outside")
                found[name] = (centre - value if less_alike else value - centre) / band
        return {name: max(x, 0.0) if "outside" in name else x for name, x in found.items()}

    def distance(self, metrics: Metrics) -> float:
        """The mean of the offsets' sizes; infinite where nothing was measured."""
        found = [abs(offset) for offset in self.offsets(metrics).values()]
        return sum(found) / len(found) if found else math.inf

    def way(self, metrics: Metrics) -> int:
        """1 where more change would lead into the bands, -1 where less, 0 within or where they disagree."""
        found = self.offsets(metrics)
        outside = any(x > 1 for name, x in found.items() if "outside" in name)
        less = outside or any(x < -1 for x in found.values())
        more = any(x > 1 for name, x in found.items() if "inside" in name)
        return int(more) - int(less)


class Fault(NamedTuple):
    """Why a pair is not good enough, in a few words, and whether more (1) or less change (-1) would help."""

    reason: str
    way: int


def fault(metrics: Metrics, mask: Mask, gates: Gates) -> Fault | None:
    """What is wrong with a pair by its numbers; None if it is good enough.

    Args:
        metrics: "ssim_inside" and "ssim_outside", and the same of "lpips" where it was measured.
        mask: (H, W) what changed.
        gates: the bounds.
    """
    left, top, right, bottom = crop_box(mask) or (0, 0, 0, 0)
    if min(right - left, bottom - top) < gates.smallest:
        return Fault("the change is too small", 1)
    if mask.mean() > LARGEST:
        return Fault("the change is not local: it covers most of the picture", -1)
    known = {name: value for name, value in metrics.items() if value is not None}
    if known["ssim_inside"] > gates.ssim_inside:
        return Fault("hardly visible: SSIM inside too high", 1)
    if known["ssim_outside"] < gates.ssim_outside:
        return Fault("changes too much: SSIM outside too low", -1)
    if known.get("lpips_inside", 1.0) < gates.lpips_inside:
        return Fault("hardly visible: LPIPS inside too low", 1)
    if known.get("lpips_outside", 0.0) > gates.lpips_outside:
        return Fault("changes too much: LPIPS outside too high", -1)
    return None


def refusal(metrics: Metrics, mask: Mask, gates: Gates) -> str | None:
    """Why a pair is not good enough by its numbers (`fault`), in a few words; None if it is."""
    found = fault(metrics, mask, gates)
    return found.reason if found else None
