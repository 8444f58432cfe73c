"""`asap import`: preference pairs of others as a HAP dataset, where the two pictures differ in one region."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pyarrow as pa
import tyro
from PIL import Image as Pillow

from asap import command
from asap.errors import UserError
from asap.pairs.checks.gates import LARGEST, similarity
from asap.pairs.composite import crop_box
from asap.pairs.exchange.foreign import Given, folders, pick_a_pic
from asap.pairs.hap import dataset
from asap.pairs.photos import LARGEST as MOST_PIXELS
from asap.pairs.photos import Skipped
from asap.records import Image, Mask, Pair
from asap.store import (
    Row,
    content_id,
    exclusive,
    folder_id,
    open_run,
    sampled_id,
    to_json,
    write_atomic,
)

READERS: dict[str, Callable[[Path], Iterator[Given | Skipped]]] = {
    "pick-a-pic": pick_a_pic,
    "folders": folders,
}
SAME = {"simpletuner": "folders"}
"""Other names of formats."""
EXACT = 0.3
"""Share of the picture up to which every pixel that differs at all belongs to the region."""
NOISE, WINDOW = 20, 7
"""Levels of 255 of grey, averaged over windows of 7 x 7, up to which lossy compression may have changed a
picture: on five photos JPEG did by at most 18 at quality 60, by at most 10 at 80."""
REACH = 9
"""Pixels by which gaps in a region are closed."""
LISTED = 10


class Refused(Exception):  # noqa: N818 (an answer rather than an error)
    """A pair that is not localized, or no pair; the text gives the reason in a few words."""


@dataclass(frozen=True)
class Config(command.Settings):
    """Make a HAP dataset of preference pairs that others made. Masks that are missing are taken from the
    differences; pairs whose pictures differ all over are refused, and skipped.jsonl says why."""

    pairs: tyro.conf.Positional[Path]
    """A parquet file or a folder of them (pick-a-pic), or a folder with chosen/, rejected/, maybe mask/."""
    format: Literal["pick-a-pic", "folders", "simpletuner"]
    """pick-a-pic: jpg_0, jpg_1, label_0, caption. folders: equal names, captions in chosen/*.txt, as
    `asap export --format simpletuner` writes them; simpletuner is another name of the same."""
    out: Path
    """Folder for the dataset (HAP)."""
    license: str = ""
    """Licence of the pictures that come without one, such as "cc-by-4.0"."""


def run(config: Config) -> Path:
    """Write the dataset; returns its folder.

    Raises:
        UserError: nothing there, not one pair that can be used, or a folder made of something else.
    """
    if not config.pairs.exists():
        raise UserError(f"{config.pairs}: no such file or folder")
    with exclusive(config.out):
        identity = {
            "format": SAME.get(config.format, config.format),
            "pairs": _id(config.pairs),
            "license": config.license,
        }
        open_run(config.out, "import", identity)
        if dataset.whole(config.out):
            print(f"{config.out}: nothing to do")
        else:
            _write(config)
    return config.out


def _id(place: Path) -> str:
    return folder_id(place, "*") if place.is_dir() else sampled_id(place)


def _write(config: Config) -> None:
    skipped: list[Skipped] = []
    taken = set[str]()
    rows = _rows(
        READERS[SAME.get(config.format, config.format)](config.pairs), skipped, taken, config.license
    )
    notes = [
        f"Imported by `asap import --format {config.format}`. "
        "Outside the mask the rejected picture has the pixels of the chosen one.",
    ]
    try:
        dataset.write(config.out, rows, title="HAP: imported pairs", notes=notes)
    except UserError:
        if not skipped:
            raise
        reason = f"{skipped[0].source}: {skipped[0].reason}"
        raise UserError(f"{config.pairs}: none of {len(skipped)} pairs can be used ({reason})") from None
    write_atomic(config.out / "skipped.jsonl", "".join(to_json(row._asdict()) + "\n" for row in skipped))
    print(f"{config.out}: {len(taken)} pairs, {len(skipped)} refused")
    for row in skipped[:LISTED]:
        print(f"  {row.source}: {row.reason}")
    if len(skipped) > LISTED:
        print(f"  and {len(skipped) - LISTED} more: {config.out / 'skipped.jsonl'} lists all")


def _rows(
    found: Iterator[Given | Skipped], skipped: list[Skipped], taken: set[str], license: str
) -> Iterator[Row]:
    for given in found:
        if isinstance(given, Skipped):
            skipped.append(given)
            continue
        try:
            pair = pair_of(given)
            if pair.id in taken:
                raise Refused("a pair of that id came before")
        except Refused as reason:
            skipped.append(Skipped(given.source, str(reason)))
        else:
            taken.add(pair.id)
            row = _row(pair, given.facts)
            yield row | {"license": row["license"] or license or None}


def _row(pair: Pair, facts: Row) -> Row:
    """The pair's row, with what `facts` tell of columns that nobody can see in the pictures."""
    row = dataset.encode(pair)
    told = {name: facts[name] for name in dataset.FACTS if _fits(name, facts.get(name))}
    seen = {"id": pair.id, "prompt": pair.prompt, "source": pair.source, "box": list(pair.box)}
    return row | told | seen | {name: row[name] for name in dataset.METRICS if row[name] is not None}


def _fits(name: str, value: object) -> bool:
    """Whether the column `name` can hold `value`."""
    try:
        return bool(pa.scalar(value, type=dataset.SCHEMA.field(name).type).is_valid)
    except (pa.ArrowException, TypeError):
        return False


def pair_of(given: Given) -> Pair:
    """The localized pair that `given` is.

    Raises:
        Refused: it is none.
    """
    chosen, rejected = _decoded(given.chosen, "RGB"), _decoded(given.rejected, "RGB")
    if chosen.shape != rejected.shape:
        raise Refused("the two pictures differ in size")
    mask = difference(chosen, rejected) if given.mask is None else _decoded(given.mask, "L") > 127
    if mask.shape != chosen.shape[:2]:
        raise Refused("the mask differs from the pictures in size")
    box = crop_box(mask)
    if box is None:
        raise Refused("the mask is empty")
    if _changed(chosen, rejected, ~mask).any():
        raise Refused("the pictures differ outside the mask")
    if not (cv2.absdiff(chosen, rejected) * mask[..., None]).any():
        raise Refused("the pictures are equal in the mask")
    rejected = np.where(mask[..., None], rejected, chosen)
    facts = given.facts
    return Pair(
        id=str(
            facts.get("id") or content_id("import", *(data.hex() for data in (given.chosen, given.rejected)))
        ),
        prompt=given.caption,
        chosen=chosen,
        rejected=rejected,
        mask=mask,
        part=str(facts.get("part") or "unknown"),
        error=str(facts.get("error") or "unnamed"),
        degradation=str(facts.get("degradation") or "imported"),
        box=box,
        source=given.source,
        seed=0,
        metrics=similarity(chosen, rejected, mask),
    )


def difference(chosen: Image, rejected: Image) -> Mask:
    """(H, W) the region in which two pictures (H, W, 3) differ, its gaps closed.

    Every pixel that differs belongs to it where these are few (`EXACT`). Else the pictures were compressed
    with loss, and it is where they differ by more than that explains.

    Raises:
        Refused: they are equal, hardly differ, or differ in most of the picture.
    """
    exact = cv2.absdiff(chosen, rejected).max(2) > 0
    if not exact.any():
        raise Refused("the pictures are equal")
    mask = _closed(exact if exact.mean() <= EXACT else _changed(chosen, rejected, np.ones_like(exact)))
    if not mask.any():
        raise Refused("no visible difference")
    if mask.mean() > LARGEST:
        raise Refused(f"no local difference: {mask.mean():.0%} of the picture changes")
    return mask


def _changed(chosen: Image, rejected: Image, within: Mask) -> Mask:
    """Where they differ by more than lossy compression explains, as far as that lies in `within`."""
    grey, other = (picture.mean(2, dtype=np.float32) for picture in (chosen, rejected))
    change = np.abs(grey - other) * within
    return np.asarray(cv2.blur(change, (WINDOW, WINDOW)) > NOISE)


def _closed(mask: Mask) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (REACH, REACH))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0)


def _decoded(data: bytes, mode: str) -> Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP"]) as file:
                if file.width * file.height > MOST_PIXELS:
                    raise Refused("a picture has too many pixels")
                return np.array(file.convert(mode))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        raise Refused("a picture is damaged, or no JPEG, PNG or WebP") from None


def main(argv: Sequence[str]) -> None:
    """`asap import`."""
    run(command.parse(Config, argv, "import"))
