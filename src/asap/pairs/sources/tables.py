"""Parquet files with a column of pictures, such as those of datasets on the hub."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from asap.errors import UserError
from asap.pairs.photos import Skipped, excluded
from asap.pairs.sources import sidecars, storage
from asap.records import Photo
from asap.store import Row

SUFFIX = ".parquet"
BATCH = 8  # rows in memory at a time
BUFFER = 1 << 20


class Columns(NamedTuple):
    """The names of the columns to use; "" for the one that looks like it."""

    image: str = ""
    caption: str = ""


LIKELY = Columns()


class Cell(NamedTuple):
    """The picture in one row of a parquet file."""

    url: str
    column: str
    row: int

    def read_bytes(self) -> bytes:
        """The bytes; quick where one process asks for rows in rising order.

        Raises:
            storage.Unreachable: the file does not give them.
        """
        try:
            return picture(_reader(self.url, self.column).at(self.row)) or b""
        except Exception as error:
            _reader.cache_clear()
            raise storage.Unreachable(f"{self.url}: {type(error).__name__}: {error}") from error


class _Reader:
    """One column of a parquet file, a few rows at a time."""

    def __init__(self, url: str, column: str) -> None:
        self._file = _parquet(url)
        self._column, self._next, self._end = column, 0, 0
        self._rows: Iterator[object] = iter(())

    def at(self, row: int) -> object:
        """The value in row `row`; rows before it in its group are passed over."""
        if not self._next <= row < self._end:
            self._enter(row)
        for value in self._rows:
            self._next += 1
            if self._next == row + 1:
                return value
        raise IndexError(f"no row {row}")

    def _enter(self, row: int) -> None:
        start = 0
        for group in range(self._file.num_row_groups):
            end = start + self._file.metadata.row_group(group).num_rows
            if row < end:
                batches = self._file.iter_batches(BATCH, row_groups=[group], columns=[self._column])
                self._rows = (value for batch in batches for value in batch.column(0).to_pylist())
                self._next, self._end = start, end
                return
            start = end


@functools.lru_cache(maxsize=1)
def _reader(url: str, column: str) -> _Reader:
    return _Reader(url, column)


def _parquet(url: str) -> Any:
    file = storage.opened(url)
    try:
        return pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{url}: not a whole parquet file ({' '.join(str(error).split())})") from None


def listing(
    urls: Sequence[str], columns: Columns = LIKELY, exclude: Sequence[str] = ()
) -> Iterator[Photo | Skipped]:
    """The photos in the parquet files `urls`, in order, and rows left out; nothing is decoded here.

    A photo's source is `<file>/<row>`, from row 0 on. Its caption comes from the column named, else from one
    called "caption", "text" or "prompt"; its licence from "license".

    Raises:
        UserError: a file is none, or has no such column, or none of pictures, or several.
    """
    for url, name in storage.relative(list(urls)).items():
        with _parquet(url) as file:
            image, caption = chosen(file.schema_arrow, columns, name)
            wanted = [c for c in file.schema_arrow.names if c in {image, *caption, *sidecars.LICENCE}]
            batches = file.iter_batches(BATCH, columns=wanted)
            rows = (row for batch in batches for row in batch.to_pylist())
            for index, row in enumerate(rows):
                source = f"{name}/{index:06d}"
                if not excluded(source, exclude):
                    yield photo(row, image, caption, source, Cell(url, image, index))


def photo(row: Row, image: str, caption: Sequence[str], source: str, blob: Any) -> Photo | Skipped:
    """The photo of a table's row, whose bytes `blob` will give again."""
    data = picture(row[image])
    if not data:
        return Skipped(source, "no picture in this row")
    told = sidecars.told(row, caption)
    return Photo(storage.bytes_id(data), blob, source, told.caption, told.licence)


def picture(value: object) -> bytes | None:
    """The bytes of a cell: its own, or those of the struct {bytes, path} that `datasets` writes."""
    data = value.get("bytes") if isinstance(value, dict) else value
    return data if isinstance(data, bytes) else None


def chosen(schema: pa.Schema, columns: Columns, name: str) -> tuple[str, Sequence[str]]:
    """The column of pictures, and those that a caption may come from.

    Raises:
        UserError: the one named is not there, or where none is named not exactly one holds pictures.
    """
    for asked in filter(None, columns):
        if asked not in schema.names:
            raise UserError(f"{name}: no column {asked!r}; there are {', '.join(schema.names)}")
    likely = [field.name for field in schema if _holds_bytes(field.type)]
    if not columns.image and len(likely) != 1:
        found = ", ".join(likely or schema.names)
        raise UserError(f"{name}: which column has the photos? say --image-column, one of {found}")
    return columns.image or likely[0], (columns.caption,) if columns.caption else sidecars.CAPTION


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
