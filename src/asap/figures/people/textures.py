"""Surfaces of people in the photographic look: cloth, skin, hair, things; and what lies behind, out of focus.

All of it is made of noise by seed and place, and of the figure's scale, scenery and ground, which no error
changes.
"""

from __future__ import annotations

import numpy as np

from asap.figures.people.backdrops import horizon_of
from asap.figures.people.figure import Figure
from asap.figures.photographic import FINEST, Array, defocused, grain

Layer = tuple[float, float, float]
# layers of noise: their cells across and down in statures, their strength
TEXTURES: dict[str, tuple[Layer, ...]] = {
    "cloth": ((0.030, 0.085, 0.050), (0.014, 0.032, 0.032), (0.0024, 0.0024, 0.032)),
    "skin": ((0.050, 0.050, 0.016), (0.010, 0.010, 0.016), (0.0022, 0.0022, 0.020)),
    "hair": ((0.0040, 0.050, 0.100), (0.020, 0.080, 0.060)),
    "thing": ((0.030, 0.030, 0.030), (0.004, 0.004, 0.020)),
}
WALL: tuple[Layer, ...] = ((0.45, 0.35, 0.055), (0.07, 0.07, 0.025), (0.006, 0.006, 0.020))
FLOOR: tuple[Layer, ...] = ((0.40, 0.030, 0.080), (0.05, 0.008, 0.080))
SKY: tuple[Layer, ...] = ((0.50, 0.14, 0.060), (0.16, 0.05, 0.030))
GREENERY: tuple[Layer, ...] = ((0.16, 0.06, 0.130), (0.022, 0.020, 0.130), (0.006, 0.010, 0.100))
BEHIND = {"park": (SKY, GREENERY), "room": (WALL, FLOOR), "plain": (WALL, WALL)}  # above, below the horizon
CROWNS = 0.16  # statures by which trees rise over the horizon
BLUR = 0.011  # statures; the deviation of what is far out of focus
WIDEST = 0.035  # picture heights; its limit in close-ups
DARKEST = 0.35


def textures(figure: Figure, size: int, dose: float, seed: int) -> dict[str, Array]:
    """What the colour of each surface is multiplied by, (size, size) by name; nothing at dose 0."""
    if dose == 0:
        return {}
    rng = np.random.default_rng([seed, 3])
    return {name: _surface(rng, layers, figure, size, dose) for name, layers in TEXTURES.items()}


def surroundings(backdrop: Array, figure: Figure, dose: float, seed: int) -> Array:
    """A backdrop (S, S, 3) as in a photo: things in the room, uneven, out of focus away from the feet."""
    if dose == 0:
        return backdrop
    rng, size = np.random.default_rng([seed, 4]), len(backdrop)
    line = np.asarray((np.arange(size) + 0.5) / size, np.float32)[:, None]
    horizon = horizon_of(figure)
    image = backdrop.copy()
    if figure.look.scenery == "room":
        _furnish(image, figure.scale, horizon, dose, rng)
    above, below = BEHIND[figure.look.scenery]
    edge = horizon - (CROWNS * figure.scale if figure.look.scenery == "park" else 0)
    far, near = (_surface(rng, layers, figure, size, dose) for layers in (above, below))
    image *= np.where(line < edge, far, near)[..., None]
    deviation = dose * min(BLUR * figure.scale, WIDEST) * size
    focus = np.clip((line - horizon) / max(figure.ground[1] - horizon, 0.01), 0, 1)
    return np.asarray(defocused(image, deviation, focus).clip(0, 255), np.float32)


def _surface(
    rng: np.random.Generator, layers: tuple[Layer, ...], figure: Figure, size: int, dose: float
) -> Array:
    """1 and a sum of noises, (size, size); those too fine for the picture are left out."""
    unit = figure.scale * size
    total = np.ones((size, size), np.float32)
    for across, down, strength in layers:
        if max(across, down) * unit >= FINEST:
            total += np.float32(dose * strength) * grain(rng, size, (across * unit, down * unit))
    return np.asarray(np.maximum(total, DARKEST), np.float32)


def _furnish(image: Array, scale: float, horizon: float, dose: float, rng: np.random.Generator) -> None:
    """Things on the wall and before it: upright boxes of the wall's own colour, changed."""
    size = len(image)
    line = np.asarray((np.arange(size) + 0.5) / size, np.float32)
    for _ in range(3):
        middle, foot = rng.uniform(0, 1), horizon - rng.uniform(0, 0.5) * scale
        width, height = rng.uniform(0.1, 0.3) * scale, rng.uniform(0.2, 0.45) * scale
        tint = np.asarray(rng.uniform(0.62, 1.25) + rng.uniform(-0.1, 0.1, 3), np.float32)
        across = np.clip((width / 2 - np.abs(line - middle)) * size, 0, 1)
        down = np.clip((height / 2 - np.abs(line - foot + height / 2)) * size, 0, 1)
        image *= 1 + 0.8 * dose * (down[:, None] * across[None])[..., None] * (tint - 1)
