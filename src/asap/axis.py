"""Round numbers for the axes of plots."""

from __future__ import annotations

import math


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` equal steps of 1, 2 or 5 times a power of ten that hold [low, high]."""
    rough = (high - low) / count or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return [k * step for k in range(first, max(last, first + 1) + 1)]
