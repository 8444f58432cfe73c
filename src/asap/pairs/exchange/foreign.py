"""Pairs as others keep them: tables in the form of Pick-a-Pic, and folders of pictures with equal names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from asap.errors import UserError
from asap.pairs.exchange.exports import FACTS_FILE, FOLDERS
from asap.pairs.photos import SUFFIXES, Skipped
from asap.store import Row, read_rows

COLUMNS = ("jpg_0", "jpg_1", "label_0", "caption")


class Given(NamedTuple):
    """A pair as found: files' bytes, and what else is told of it, by names of our own columns."""

    source: str
    caption: str
    chosen: bytes
    rejected: bytes
    mask: bytes | None
    facts: Row


def pick_a_pic(place: Path) -> Iterator[Given | Skipped]:
    """The pairs of a parquet file or of all below a folder, in order, and rows that are none.

    Raises:
        UserError: no parquet there, a damaged file, or one without the columns.
    """
    files = sorted(place.rglob("*.parquet")) if place.is_dir() else [place]
    if not files:
        raise UserError(f"{place} holds no parquet files")
    for path in files:
        name = path.relative_to(place).as_posix() if place.is_dir() else path.name
        try:
            with pq.ParquetFile(path) as file:
                missing = [column for column in COLUMNS if column not in file.schema_arrow.names]
                if missing:
                    raise UserError(f"{path} lacks the columns {', '.join(missing)} of Pick-a-Pic")
                index = 0
                for batch in file.iter_batches(8):
                    for row in batch.to_pylist():
                        yield _given(row, f"{name}#{index}")
                        index += 1
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{path}: no parquet file, or a damaged one ({error})") from None


def _given(row: Row, source: str) -> Given | Skipped:
    label, caption = row["label_0"], " ".join(str(row["caption"] or "").split())
    if label not in (0, 1) or row.get("has_label") is False:
        return Skipped(source, "nobody preferred one of the two")
    first, second, mask = (_bytes(row.get(name)) for name in ("jpg_0", "jpg_1", "mask"))
    if not first or not second:
        return Skipped(source, "a picture is missing")
    if not caption:
        return Skipped(source, "no caption")
    chosen, rejected = (first, second) if label == 1 else (second, first)
    facts = {name: value for name, value in row.items() if value is not None and name != "mask"}
    return Given(str(facts.get("source") or source), caption, chosen, rejected, mask, facts)


def _bytes(value: object) -> bytes | None:
    """A cell's bytes: plain, or as `datasets` keeps pictures."""
    found = value.get("bytes") if isinstance(value, dict) else value
    return found if isinstance(found, bytes) else None


def folders(place: Path) -> Iterator[Given | Skipped]:
    """The pairs of `chosen/NAME.png` and `rejected/NAME.png` (or .jpg, .webp), perhaps with `mask/NAME.png`.

    A caption is the text of `chosen/NAME.txt`.

    Raises:
        UserError: one of the two folders is missing.
    """
    missing = [name for name in FOLDERS[:2] if not (place / name).is_dir()]
    if missing:
        raise UserError(f"{place}: no folder {' nor '.join(missing)} there; expected chosen/ and rejected/")
    known = {str(row.get("id")): row for row in read_rows(place / FACTS_FILE)}
    pictures = (path for path in sorted((place / "chosen").iterdir()) if path.suffix.lower() in SUFFIXES)
    for path in pictures:
        facts = known.get(path.stem, {})
        rejected, mask = (_beside(place / name, path.stem) for name in FOLDERS[1:])
        told = path.with_suffix(".txt")
        text = told.read_text(encoding="utf-8-sig", errors="replace") if told.is_file() else ""
        caption = str(facts.get("prompt") or " ".join(text.split()))
        if rejected is None:
            yield Skipped(path.name, "no picture of that name in rejected/")
        elif not caption:
            yield Skipped(path.name, f"no caption: put it into chosen/{told.name}")
        else:
            source = str(facts.get("source") or path.name)
            area = mask.read_bytes() if mask else None
            yield Given(source, caption, path.read_bytes(), rejected.read_bytes(), area, facts)


def _beside(folder: Path, stem: str) -> Path | None:
    places = (folder / f"{stem}{suffix}" for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)))
    return next((path for path in places if path.is_file()), None)
