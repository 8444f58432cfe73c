"""The HAP dataset on disk: pairs as parquet that `datasets.load_dataset(folder, split="train")` reads.

    folder/data/train-00000-of-0000N.parquet    the pairs; pictures are PNG bytes, so lossless
    folder/README.md                            the dataset card: counts and averages
    folder/contact_sheet.html                   the pairs to look at

The same rows in the same order give the same bytes in all three.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from asap.errors import UserError
from asap.pairs.card import card
from asap.pairs.contact import contact_sheet
from asap.records import Image, Mask, Pair
from asap.store import Row, write_atomic

PICTURES = ("chosen", "rejected", "mask")
METRICS = ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside")
SHARD_BYTES = 400 << 20
GROUP_BYTES = 64 << 20
CONTACT_SHEET = "contact_sheet.html"
GROUP_ROWS = 100

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
}


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


def png(image: Image | Mask) -> bytes:
    """`image` as a PNG file: RGB of (H, W, 3), or 0 and 255 in one channel for a mask of (H, W)."""
    pixels = image.astype(np.uint8) * 255 if image.dtype == bool else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".png", pixels, _QUICK)[1])


def encode(pair: Pair, chosen: bytes | None = None) -> Row:
    """One row of the dataset: `pair` with its pictures as PNG bytes and its metrics as columns.

    Args:
        pair: the pair.
        chosen: `png(pair.chosen)` where the caller has it already.

    Raises:
        ValueError: shapes differ, or a pixel outside the mask does.
    """
    if pair.chosen.shape != pair.rejected.shape or pair.mask.shape != pair.chosen.shape[:2]:
        raise ValueError(f"pair {pair.id}: chosen, rejected and mask differ in size")
    changed = cv2.absdiff(pair.chosen, pair.rejected)
    if cv2.bitwise_and(changed, changed, mask=(~pair.mask).view(np.uint8)).any():
        raise ValueError(f"pair {pair.id}: chosen and rejected differ outside the mask")
    data = {"chosen": chosen or png(pair.chosen), "rejected": png(pair.rejected), "mask": png(pair.mask)}
    pictures = {name: {"bytes": data[name], "path": f"{pair.id}_{name}.png"} for name in PICTURES}
    plain = {name: getattr(pair, name) for name in _TYPES if name not in (*PICTURES, *METRICS)}
    metrics = {name: pair.metrics.get(name) for name in METRICS}
    return {**plain, "box": list(pair.box), **pictures, **metrics}


def write(folder: Path, rows: Iterable[Row], *, title: str, notes: Sequence[str] = ()) -> None:
    """Write `rows` (of `encode`) as the dataset in `folder`: shards, card and contact sheet.

    Memory stays flat however many rows come. A kill leaves what was there before, or all of the new.

    Args:
        folder: made if missing; other files in it are left alone.
        rows: in the order wanted; nothing here sorts.
        title: headline of card and contact sheet.
        notes: paragraphs for the card (where the pairs come from, with which settings).

    Raises:
        UserError: no rows at all.
    """
    recover(folder)
    staging = folder / ".staging"
    shutil.rmtree(staging, ignore_errors=True)
    if not _write_shards(staging / "data", rows):
        shutil.rmtree(staging, ignore_errors=True)
        raise UserError(f"{folder}: no pairs to write")
    facts = list(read(staging, [name for name in _TYPES if name not in PICTURES]))
    write_atomic(staging / "README.md", card(facts, title, notes))
    write_atomic(staging / CONTACT_SHEET, contact_sheet(read(staging), len(facts), title))
    staging.rename(folder / ".ready")
    recover(folder)


def recover(folder: Path) -> None:
    """Finish putting a completed dataset in place where a kill interrupted `write` at its very end."""
    ready = folder / ".ready"
    if not ready.exists():
        return
    if (ready / "data").exists():
        shutil.rmtree(folder / "data", ignore_errors=True)
        (ready / "data").rename(folder / "data")
    for path in sorted(ready.iterdir()):
        path.replace(folder / path.name)
    ready.rmdir()


def whole(folder: Path) -> bool:
    """Whether `write` has finished in `folder`: the contact sheet comes to its place after all else."""
    recover(folder)
    return (folder / CONTACT_SHEET).exists()


def read(folder: Path, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of the dataset in `folder`, in order, a few in memory at a time; none where there is none."""
    for path in sorted((folder / "data").glob("train-*.parquet")):
        yield from read_shard(path, columns)


def read_shard(path: Path, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of one parquet file that `write` or `write_shard` made."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(8, columns=columns):
            yield from batch.to_pylist()


def write_shard(path: Path, rows: Iterable[Row]) -> int:
    """Write `rows` as one parquet file, atomically; returns how many there were."""
    temporary = path.with_name(f".{path.name}.tmp")
    count = 0
    with _writer(temporary) as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
            count += len(group)
    temporary.replace(path)
    return count


def _writer(path: Path) -> pq.ParquetWriter:
    # Pairs of one photo share their chosen picture: a dictionary that may grow stores it once a row group.
    return pq.ParquetWriter(
        path,
        SCHEMA,
        compression="none",
        use_dictionary=["chosen.bytes", "prompt", "part", "error", "degradation", "source"],
        dictionary_pagesize_limit=2 * GROUP_BYTES,
    )


def _write_shards(folder: Path, rows: Iterable[Row]) -> int:
    folder.mkdir(parents=True)
    parts: list[Path] = []
    writer, room = None, 0
    for group in _groups(rows):
        if writer is None or room <= 0:
            if writer is not None:
                writer.close()
            parts.append(folder / f"part-{len(parts):05d}")
            writer, room = _writer(parts[-1]), SHARD_BYTES
        writer.write_table(pa.Table.from_pylist(group, SCHEMA))
        room -= sum(map(_weight, group))
    if writer is not None:
        writer.close()
    for index, part in enumerate(parts):
        part.rename(folder / f"train-{index:05d}-of-{len(parts):05d}.parquet")
    return len(parts)


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    weight = 0
    for row in rows:
        group.append(row)
        weight += _weight(row)
        if len(group) == GROUP_ROWS or weight >= GROUP_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _weight(row: Row) -> int:
    return sum(len(row[name]["bytes"]) for name in PICTURES)
