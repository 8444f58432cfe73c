"""The same prompts and noise under several objectives, as one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from asap.bench import samples as sample_files
from asap.lab.results import Group

SIDE, LABEL, HEAD = 76, 110, 20
COUNT = 12


def grid(base: Path, groups: Sequence[tuple[Group, Path]]) -> bytes | None:
    """A PNG with a row for the untrained model and for each group's first seed; None where images are gone.

    Args:
        base: folder of the untrained model's images.
        groups: each with the folder of its images.
    """
    rows = [("base", base), *((f"{g.objective} {g.step}", folder) for g, folder in groups)]
    if not all((folder / sample_files.METADATA).is_file() for _, folder in rows):
        return None
    drawn = sample_files.read(base)[:COUNT]
    size = (LABEL + len(drawn) * SIDE, HEAD + len(rows) * SIDE)
    sheet = Pillow.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, sample in enumerate(drawn):
        shown = str(sample.facts.get("pose", sample.category))
        pen.text((LABEL + column * SIDE + 2, 2), shown, fill="black", font=_fitting(pen, shown))
    for number, (name, folder) in enumerate(rows):
        top = HEAD + number * SIDE
        pen.text((4, top + SIDE // 2 - 8), name, fill="black", font=font)
        for column, sample in enumerate(drawn):
            with Pillow.open(folder / sample.file_name) as picture:
                tile = picture.convert("RGB").resize((SIDE - 4, SIDE - 4), Pillow.Resampling.BICUBIC)
            sheet.paste(tile, (LABEL + column * SIDE, top))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def _fitting(pen: ImageDraw.ImageDraw, text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest font of up to 14 pixels in which `text` is no wider than a picture."""
    fonts = (ImageFont.load_default(size) for size in range(14, 7, -1))
    return next(
        (font for font in fonts if pen.textlength(text, font=font) < SIDE - 4), ImageFont.load_default(7)
    )
