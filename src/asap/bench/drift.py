"""How much images changed where they should not have: outside the judged part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asap import progress
from asap.bench.results import Key, Method
from asap.bench.samples import read_image
from asap.records import Box, Image, Mask
from asap.store import seed_of

PIXELS, FEWEST = 64_000_000, 64  # read of each method's images; images measured, however large they are
AHEAD = 8  # images in memory at once

PartMask = Callable[[Image, Mapping[str, Any]], Mask]
"""The judged part in an image, given its prompt's facts."""


class Drift(NamedTuple):
    """Mean absolute change against the base in [0, 1] of full range, over `images` images; `outside` says
    whether it was measured outside the judged part or over the whole image."""

    mean: float
    images: int
    outside: bool


def drift(base: Image, image: Image, region: Mask | None) -> float:
    """Mean absolute change of channel values outside `region`, in [0, 1] of full range; over the whole image
    where `region` is None, not a number where it covers everything.

    Args:
        base, image: (H, W, 3).
        region: (H, W), True where change is expected.

    Raises:
        ValueError: unequal sizes.
    """
    if base.shape != image.shape:
        raise ValueError(f"the images differ in size: {base.shape[:2]} and {image.shape[:2]}")
    change = np.maximum(base, image) - np.minimum(base, image)
    outside = change if region is None else change[~region]
    return float(outside.mean(dtype=np.float64)) / 255 if outside.size else float("nan")


def box_mask(box: Box, height: int, width: int) -> Mask:
    """(height, width) mask of `box`, clipped to the image."""
    left, top, right, bottom = box
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return mask


def mean_drift(base: Method, method: Method, part_mask: PartMask | None = None) -> Drift | None:
    """The mean drift of `method` over the images that both have in equal size; None where there is none.

    Large images are many pixels to read: of images that make more than `PIXELS` together a part is measured,
    `FEWEST` or more, chosen by chance but the same for all methods and each time.

    The judged part is the union of its place in both images: `part_mask` where given, else the judgements'
    boxes. If no image has one, the whole image is measured; if some have, those alone.
    """
    outside: list[float] = []
    whole: list[float] = []
    for key, before, after in _pairs(base, method):
        region = _region(base, method, key, before, after, part_mask)
        if region is None:
            whole.append(drift(before, after, None))
        elif not region.all():
            outside.append(drift(before, after, region))
    values = outside or whole
    return Drift(float(np.mean(values)), len(values), bool(outside)) if values else None


def _pairs(base: Method, method: Method) -> Iterator[tuple[Key, Image, Image]]:
    shared = _measured(base, [key for key in base.samples if key in method.samples])
    if not shared:
        return
    bar = progress.bar(total=len(shared), desc=f"drift of {method.name}", unit="image")
    with bar, ThreadPoolExecutor(2) as threads:  # they decode ahead, a few images at a time
        for start in range(0, len(shared), AHEAD):
            keys = shared[start : start + AHEAD]
            images = threads.map(lambda key: (_image(base, key), _image(method, key)), keys)
            for key, (before, after) in zip(keys, images, strict=True):
                bar.update()
                if before is not None and after is not None and before.shape == after.shape:
                    yield key, before, after


def _measured(base: Method, keys: list[Key]) -> list[Key]:
    """Those of `keys` that are measured, in their order."""
    first = next((image for key in keys if (image := _image(base, key)) is not None), None)
    most = len(keys) if first is None else max(FEWEST, 3 * PIXELS // first.size)
    if most >= len(keys):
        return keys
    drawn = set(sorted(keys, key=lambda key: seed_of("drift", *key))[:most])
    return [key for key in keys if key in drawn]


def _image(method: Method, key: Key) -> Image | None:
    return read_image((method.images or Path()) / method.samples[key].file_name)


def _region(
    base: Method, method: Method, key: Key, before: Image, after: Image, part_mask: PartMask | None
) -> Mask | None:
    if part_mask:
        facts = base.samples[key].facts
        return part_mask(before, facts) | part_mask(after, facts)
    boxes = [m.judgements[key].region for m in (base, method) if key in m.judgements]
    masks = [box_mask(box, *before.shape[:2]) for box in boxes if box]
    return np.logical_or.reduce(masks) if masks else None
