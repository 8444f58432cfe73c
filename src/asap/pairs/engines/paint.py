"""From a mask in a photo to candidates: the window around it, painted with several seeds and laid back."""

from __future__ import annotations

import random

from asap.pairs.engines.painter import Painter, Task
from asap.pairs.engines.prompts import Wish
from asap.pairs.engines.settings import Engines
from asap.pairs.engines.window import Window, window_around
from asap.records import Image, Mask


def painted(
    painter: Painter,
    image: Image,
    mask: Mask,
    wish: Wish,
    rng: random.Random,
    engines: Engines,
    posed: tuple[Window, Image] | None = None,
) -> list[Image]:
    """`engines.candidates` edits of `image` (H, W, 3), repainted in `mask` and equal to it elsewhere.

    One is painted after the other, so that each depends on its own seed alone.

    Args:
        posed: the window and the skeleton drawn in it, for painters with a ControlNet.

    Raises:
        Unsuitable: `mask` is empty.
        UserError: the generator cannot be loaded or run.
    """
    window, pose = posed or (window_for(painter, mask, engines), None)
    crop, inside = window.cut(image), window.cut_mask(mask)
    edits = []
    for seed in [rng.getrandbits(63) for _ in range(engines.candidates)]:
        task = Task(crop, inside, wish.prompt, wish.avoid, wish.strength, seed, pose)
        edits.append(window.paste(image, painter.paint(task, engines.paint_steps), mask))
    return edits


def window_for(painter: Painter, mask: Mask, engines: Engines) -> Window:
    """The window around `mask` in the size that the generator paints.

    Raises:
        Unsuitable: `mask` is empty.
    """
    return window_around(mask, engines.paint_size or painter.native_size, painter.size_multiple)
