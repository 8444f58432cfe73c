"""The HAP dataset on disk: pairs as parquet that `datasets.load_dataset(folder, split="train")` reads.

    folder/data/train-00000-of-0000N.parquet    the pairs; pictures are PNG bytes, so lossless
    folder/data/test-00000-of-0000N.parquet     pairs held out, where a share was asked for
    folder/README.md, preview.webp              the dataset card: counts and averages; a few pairs
    folder/contact_sheet.html                   the pairs to look at
    folder/about.json                           title, notes and the share held out

The same rows in the same order give the same bytes in all of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from asap import __version__
from asap.errors import UserError
from asap.pairs.hap import shards
from asap.pairs.hap.card import card
from asap.pairs.hap.contact import contact_sheet, spread
from asap.pairs.hap.preview import PREVIEW, chosen_for, preview
from asap.pairs.hap.splits import SPLITS, TRAIN
from asap.records import Image, Mask, Pair
from asap.store import Row, to_json, write_atomic

PICTURES = ("chosen", "rejected", "mask")
METRICS = ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside")
PROVENANCE = ("source_hash", "perceptual_hash", "license", "detector")
"""What `encode` is told of a pair's photo: of its file the first 16 hexadecimal digits of the SHA-256, its
`duplicates.perceptual_hash`, its licence, and what found its body parts. Each may be missing."""
CONTACT_SHEET = "contact_sheet.html"
ABOUT = "about.json"

_TEXT, _PICTURE = pa.string(), pa.struct({"bytes": pa.binary(), "path": pa.string()})
_TYPES: dict[str, pa.DataType] = {
    "id": _TEXT,
    "prompt": _TEXT,
    "chosen": _PICTURE,
    "rejected": _PICTURE,
    "mask": _PICTURE,
    "part": _TEXT,
    "error": _TEXT,
    "degradation": _TEXT,
    "box": pa.list_(pa.int32(), 4),
    "source": _TEXT,
    "seed": pa.int64(),
    **{name: pa.float64() for name in METRICS},
    "parameters": _TEXT,
    **dict.fromkeys(PROVENANCE, _TEXT),
    "version": _TEXT,
}
FACTS = tuple(name for name in _TYPES if name not in PICTURES)
"""The columns that are no pictures."""


def _feature(kind: pa.DataType) -> Row:
    if kind == _PICTURE:
        return {"_type": "Image"}
    if pa.types.is_fixed_size_list(kind):
        return {"feature": {"dtype": "int32", "_type": "Value"}, "length": kind.list_size, "_type": "List"}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


_FEATURES = {"info": {"features": {name: _feature(kind) for name, kind in _TYPES.items()}}}
SCHEMA = pa.schema(list(_TYPES.items()), metadata={"huggingface": json.dumps(_FEATURES)})


_QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1]
if hasattr(
    cv2, "IMWRITE_PNG_FILTER"
):  # from OpenCV 4.12 on: one filter for all rows, instead of the best of five
    _QUICK += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


# A photo's noise hardly repeats: looking for runs alone takes a quarter less time and 2% more room.
_PHOTO = [*_QUICK, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]


def png(image: Image | Mask, *, photo: bool = False) -> bytes:
    """`image` as a PNG file: RGB of (H, W, 3), or 0 and 255 in one channel for a mask of (H, W).

    `photo` says that it is none with large plain areas, as drawn pictures have: it decides the bytes alone.
    """
    pixels = image.astype(np.uint8) * 255 if image.dtype == bool else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".png", pixels, _PHOTO if photo else _QUICK)[1])


def encode(
    pair: Pair,
    chosen: bytes | None = None,
    provenance: Mapping[str, str | None] | None = None,
    *,
    photo: bool = False,
) -> Row:
    """One row of the dataset: `pair` with its pictures as PNG bytes, its metrics and provenance as columns.

    Args:
        pair: the pair.
        chosen: `png(pair.chosen)` where the caller has it already.
        provenance: of the photo, by names of `PROVENANCE`.
        photo: whether the pictures are photos (`png`).

    Raises:
        ValueError: shapes differ, or a pixel outside the mask does.
    """
    if pair.chosen.shape != pair.rejected.shape or pair.mask.shape != pair.chosen.shape[:2]:
        raise ValueError(f"pair {pair.id}: chosen, rejected and mask differ in size")
    changed = cv2.absdiff(pair.chosen, pair.rejected)
    if cv2.bitwise_and(changed, changed, mask=(~pair.mask).view(np.uint8)).any():
        raise ValueError(f"pair {pair.id}: chosen and rejected differ outside the mask")
    whole = chosen or png(pair.chosen, photo=photo)
    data = {"chosen": whole, "rejected": png(pair.rejected, photo=photo), "mask": png(pair.mask)}
    pictures = {name: {"bytes": data[name], "path": f"{pair.id}_{name}.png"} for name in PICTURES}
    names = ("id", "prompt", "part", "error", "degradation", "source", "seed")
    plain = {name: getattr(pair, name) for name in names}
    metrics = {name: pair.metrics.get(name) for name in METRICS}
    origin = dict.fromkeys(PROVENANCE) | dict(provenance or {})
    parameters = to_json(pair.parameters) if pair.parameters else None
    made = {"parameters": parameters, **origin, "version": __version__}
    return {**plain, "box": list(pair.box), **pictures, **metrics, **made}


def write(
    folder: Path,
    rows: Iterable[Row],
    *,
    title: str,
    notes: Sequence[str] = (),
    splits: Mapping[str, str] | None = None,
    test_share: float = 0.0,
    hub: bool = False,
) -> None:
    """Write `rows` (of `encode`) as the dataset in `folder`: shards, card, preview and contact sheet.

    Memory stays flat however many rows come. A kill leaves what was there before, or all of the new.

    Args:
        folder: made if missing; other files in it are left alone.
        rows: in the order wanted; nothing here sorts.
        title: headline of card and contact sheet.
        notes: paragraphs for the card (where the pairs come from, with which settings).
        splits: "train" or "test" by a row's source; train for those it does not name.
        test_share: the share of photos that was asked for as test, for the record.
        hub: whether the card is for the hub (`card.card`).

    Raises:
        UserError: no rows at all, or none to train on.
    """
    recover(folder)
    staging = folder / ".staging"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        if not _write_shards(staging / "data", rows, splits or {})[TRAIN]:
            held = "; all lie in the test split: take a smaller --test-share" if files(staging) else ""
            raise UserError(f"{folder}: no pairs to write{held}")
        _describe(staging, title, notes, test_share, hub)
    except UserError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    staging.rename(folder / ".ready")
    recover(folder)


def _describe(folder: Path, title: str, notes: Sequence[str], test_share: float, hub: bool) -> None:
    """Card, preview, contact sheet and record of the pairs in `folder`."""
    facts = [row | {"split": split} for split in SPLITS for row in read(folder, FACTS, split)]
    record = {"title": title, "notes": list(notes), "test_share": test_share}
    write_atomic(folder / ABOUT, to_json(record, indent=2) + "\n")
    write_atomic(folder / "README.md", card(facts, title, notes, hub=hub))
    write_atomic(folder / PREVIEW, preview(_rows_at(folder, chosen_for(facts))))
    shown = _rows_at(folder, spread(len(facts)))
    write_atomic(folder / CONTACT_SHEET, contact_sheet(shown, len(facts), title))


def recover(folder: Path) -> None:
    """Finish putting a completed dataset in place where a kill interrupted `write` at its very end."""
    ready = folder / ".ready"
    if not ready.exists():
        return
    if (ready / "data").exists():
        shutil.rmtree(folder / "data", ignore_errors=True)
        (ready / "data").rename(folder / "data")
    for path in sorted(ready.iterdir(), key=lambda path: (path.name == CONTACT_SHEET, path.name)):
        path.replace(folder / path.name)
    ready.rmdir()


def whole(folder: Path) -> bool:
    """Whether `write` has finished in `folder`: the contact sheet comes to its place after all else."""
    recover(folder)
    return (folder / CONTACT_SHEET).exists()


def about(folder: Path) -> Row:
    """The "title", "notes" and "test_share" that the dataset in `folder` was written with."""
    path = folder / ABOUT
    known: Row = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {"title": "HAP", "notes": [], "test_share": 0.0} | known


def read(folder: Path, columns: Sequence[str] | None = None, split: str | None = None) -> Iterator[Row]:
    """The rows of the dataset in `folder`, in order, a few in memory at a time; none where there is none.

    Args:
        folder: a dataset of this version or an earlier one, whose rows lack some columns: they are None.
        columns: those wanted, or all.
        split: the one wanted, or all, train first.
    """
    for path in files(folder, split):
        yield from read_shard(path, columns)


def read_shard(path: Path, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of one parquet file that `write` or `write_shard` made."""
    return shards.read_file(path, list(_TYPES) if columns is None else columns)


def write_shard(path: Path, rows: Iterable[Row]) -> int:
    """Write `rows` as one parquet file, atomically; returns how many there were."""
    return shards.write_file(path, rows, SCHEMA)


def files(folder: Path, split: str | None = None) -> list[Path]:
    """The parquet files of the dataset in `folder`, in order: of one split, or of all, train first."""
    wanted = (split,) if split else SPLITS
    return [path for name in wanted for path in sorted((folder / "data").glob(f"{name}-*.parquet"))]


def _rows_at(folder: Path, wanted: Sequence[int]) -> Iterator[Row]:
    return shards.rows_at(files(folder), wanted, list(_TYPES))


def _write_shards(folder: Path, rows: Iterable[Row], splits: Mapping[str, str]) -> dict[str, int]:
    folder.mkdir(parents=True)
    writers = {split: shards.Shards(folder, split, SCHEMA) for split in SPLITS}
    for row in rows:
        writers[splits.get(row["source"], TRAIN)].add(row)
    return {split: writer.close() for split, writer in writers.items()}
