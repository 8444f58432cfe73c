"""Pictures as raters get them: pixels alone, all in one form, so that a file tells nothing of its source."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from asap.errors import UserError
from asap.records import Image
from asap.store import seed_of, write_atomic
from asap.wording import counted

TILES = 4
"""Rows and columns into which a picture is cut that is obviously wrong."""
SIZES = ((1536, 90), (1280, 88), (1024, 86), (896, 82), (768, 78), (640, 74), (512, 70))
"""Longest side in pixels and quality of WebP, tried in turn until all pictures fit into a file."""


def decoded(data: bytes, where: str) -> Image:
    """The pixels of a picture's file; a UserError, which names it `where`, if it is none."""
    try:
        with Pillow.open(io.BytesIO(data)) as opened:
            return np.asarray(opened.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        raise UserError(f"{where}: damaged, or no picture; make it again, or take it off the list") from None


def read(path: Path) -> Image:
    """The pixels of the picture in `path`; a UserError where there is none."""
    return decoded(_bytes(path), str(path))


def checked(data: bytes, where: str) -> bytes:
    """`data`, if it is a picture's file that can be decoded; a UserError as of `decoded` if not."""
    decoded(data, where)
    return data


def file(path: Path) -> bytes:
    """The bytes of the picture in `path`; a UserError where there is none that can be decoded."""
    return checked(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"{path}: no such file; make it again, or take it off the list")
    return path.read_bytes()


def write(path: Path, picture: Image) -> None:
    """Write `picture` as a PNG file of its pixels alone."""
    made = io.BytesIO()
    Pillow.fromarray(picture).save(made, "PNG", compress_level=3)
    write_atomic(path, made.getvalue())


def scrambled(picture: Image, seed: int) -> Image:
    """`picture` in tiles that have changed places: nobody who looks takes the body in it for a whole one.

    Args:
        picture: (H, W, 3).
        seed: of the tiles' order.
    """
    tall, wide = (side // TILES for side in picture.shape[:2])
    tiles = [
        picture[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
        for row in range(TILES)
        for column in range(TILES)
    ]
    draw = random.Random(seed_of(seed, "tiles"))
    order = draw.sample(range(len(tiles)), len(tiles))
    while any(at == tile for at, tile in enumerate(order)):
        order = draw.sample(range(len(tiles)), len(tiles))
    rows = [np.hstack([tiles[i] for i in order[k : k + TILES]]) for k in range(0, len(order), TILES)]
    return np.ascontiguousarray(np.vstack(rows))


def small(paths: dict[str, Path], budget: int) -> dict[str, bytes]:
    """The pictures as WebP files, by name, `budget` bytes of them at most; as large and fine as fits.

    Raises:
        UserError: they do not fit even when small.
    """
    for side, quality in SIZES:
        made: dict[str, bytes] = {}
        total = 0
        for name, path in paths.items():
            made[name] = _webp(path, side, quality)
            total += len(made[name])
            if total > budget:
                break
        else:
            return made
    raise UserError(
        f"{counted(len(paths), 'picture')} will not fit into {budget / 2**20:.0f} MiB; give a larger "
        "--megabytes, or make a study of fewer images (--units)"
    )


def _webp(path: Path, side: int, quality: int) -> bytes:
    made = io.BytesIO()
    with Pillow.open(path) as picture:
        picture.thumbnail((side, side))
        picture.save(made, "WEBP", quality=quality, method=4)
    return made.getvalue()
