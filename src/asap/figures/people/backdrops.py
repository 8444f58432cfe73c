"""What lies behind a person: a plain wall, a room with a floor, a park, and the shadow on the ground."""

from __future__ import annotations

import numpy as np

from asap.figures.people.figure import Figure
from asap.figures.people.looks import BACKGROUNDS, RGB, mixed, shaded
from asap.figures.people.shading import Array

HORIZON = 0.10  # statures from the ground under the person's feet up to the far end of the floor
SKY: RGB = (168, 206, 236)
GRASS: RGB = (124, 168, 92)
WOODS: RGB = (92, 142, 96)


def backdrop(figure: Figure, size: int) -> Array:
    """The picture (size, size, 3) before the person is painted; it does not depend on their points."""
    line = np.asarray((np.arange(size) + 0.5) / size, np.float32)
    x, y = line[None], line[:, None]
    colour = BACKGROUNDS[figure.look.background]
    wall = _faded(colour, y, 1.05, 0.93)
    horizon = horizon_of(figure)
    if figure.look.scenery == "park":
        image = _park(x, y, horizon, figure.scale)
    else:
        image = np.broadcast_to(wall, (size, size, 3)).copy()
    if figure.look.scenery == "room":
        _lay(
            image,
            np.clip((y - horizon) * size + 0.5, 0, 1) + 0 * x,
            _faded(mixed(colour, (150, 116, 88), 0.55), y, 0.9, 1.0),
        )
        _lay(
            image,
            np.clip(0.012 * figure.scale * size - np.abs(y - horizon) * size, 0, 1) + 0 * x,
            shaded(colour, 1.12),
        )
    _shadow(image, x, y, figure)
    return np.asarray(image.clip(0, 255), np.float32)


def horizon_of(figure: Figure) -> float:
    """The height of the far end of the ground in the picture, 0 at its top, 1 at its bottom."""
    return min(figure.ground[1] - HORIZON * figure.scale, 0.8 if figure.ground[1] < 1.2 else 0.6)


def _faded(colour: RGB, y: Array, above: float, below: float) -> Array:
    return np.asarray(np.asarray(colour, np.float32) * (above + (below - above) * y)[..., None], np.float32)


def _lay(image: Array, cover: Array, colour: Array | RGB) -> None:
    image += cover[..., None] * (np.asarray(colour, np.float32) - image)


def _park(x: Array, y: Array, horizon: float, scale: float) -> Array:
    """Sky, a soft line of trees, and grass."""
    size = len(y)
    image = np.broadcast_to(_faded(SKY, y, 0.98, 1.1), (size, size, 3)).copy()
    crowns = 0.05 * np.abs(np.sin(9 * x / scale + 1)) + 0.03 * np.abs(np.sin(23 * x / scale)) + 0.09
    _lay(image, np.clip((y - horizon + crowns * scale) * size, 0, 1), WOODS)
    _lay(image, np.clip((y - horizon) * size, 0, 1) + 0 * x, _faded(GRASS, y, 0.85, 1.05))
    return image


def _shadow(image: Array, x: Array, y: Array, figure: Figure) -> None:
    """A soft ellipse on the ground."""
    if figure.look.scenery == "plain" and figure.ground[1] > 1:
        return
    across, down = 0.20 * figure.scale, 0.032 * figure.scale
    far = ((x - figure.ground[0]) / across) ** 2 + ((y - figure.ground[1]) / down) ** 2
    image *= (1 - 0.30 * np.clip(1.2 - far, 0, 1))[..., None]
