"""Parquet files of rows with pictures: written as rows come, read a few at a time, always the same bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from asap.store import Row

SHARD_BYTES = 400 << 20
GROUP_BYTES = 16 << 20
"""From which a row group takes no further photo. What writes a dataset keeps a few groups in memory."""
LARGEST_GROUP = 64 << 20
"""From which it ends in the midst of a photo's rows, too."""
GROUP_ROWS = 100
READ_ROWS = 8


class Shards:
    """The files `SPLIT-00000-of-0000N.parquet` of one split in `folder`, named so once closed."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self.folder, self.split, self.schema = folder, split, schema
        self._parts: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._room = 0
        self._group: list[Row] = []
        self._weight = 0

    def add(self, row: Row) -> None:
        """One more row."""
        if _ends(self._group, self._weight, row):
            self._flush()
        self._group.append(row)
        self._weight += weight(row)

    def close(self) -> int:
        """Name the files; returns how many there are."""
        if self._group:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        for index, part in enumerate(self._parts):
            part.rename(self.folder / f"{self.split}-{index:05d}-of-{len(self._parts):05d}.parquet")
        return len(self._parts)

    def _flush(self) -> None:
        if self._writer is None or self._room <= 0:
            if self._writer is not None:
                self._writer.close()
            self._parts.append(self.folder / f".{self.split}-{len(self._parts):05d}.tmp")
            self._writer, self._room = _writer(self._parts[-1], self.schema), SHARD_BYTES
        self._writer.write_table(pa.Table.from_pylist(self._group, self.schema))
        self._room -= self._weight
        self._group, self._weight = [], 0


def write_file(path: Path, rows: Iterable[Row], schema: pa.Schema) -> int:
    """Write `rows` as one parquet file, atomically; returns how many there were."""
    temporary = path.with_name(f".{path.name}.tmp")
    count = 0
    with _writer(temporary, schema) as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema))
            count += len(group)
    temporary.replace(path)
    return count


def read_file(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a parquet file with these columns; one that the file lacks is None in all of them."""
    blank: Row = dict.fromkeys(columns)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(READ_ROWS, columns=list(columns)):
            yield from (blank | row for row in batch.to_pylist())


def rows_at(paths: Sequence[Path], wanted: Collection[int], columns: Sequence[str]) -> Iterator[Row]:
    """The rows numbered `wanted`, counted through all files, in order; groups without any are not read."""
    first, blank = 0, dict.fromkeys(columns)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                here = [index - first for index in sorted(wanted) if first <= index < first + count]
                if here:
                    table = file.read_row_group(group, list(columns)).take(here)
                    yield from (blank | row for row in table.to_pylist())
                first += count


def weight(row: Row) -> int:
    """Bytes of the row's pictures."""
    values = (value.get("bytes") if isinstance(value, dict) else value for value in row.values())
    return sum(len(value) for value in values if isinstance(value, bytes))


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # Pairs of one photo share their chosen picture: a dictionary that may grow stores it once a row group.
    names = [f"{field.name}.bytes" for field in schema if pa.types.is_struct(field.type)]
    repeated = [name for name in names if name.startswith("chosen")]
    texts = [field.name for field in schema if pa.types.is_string(field.type) and field.name != "id"]
    return pq.ParquetWriter(
        path,
        schema,
        compression="none",
        use_dictionary=[*repeated, *texts],
        dictionary_pagesize_limit=2 * LARGEST_GROUP,
    )


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        if _ends(group, size, row):
            yield group
            group, size = [], 0
        group.append(row)
        size += weight(row)
    if group:
        yield group


def _ends(group: Sequence[Row], size: int, row: Row) -> bool:
    """Whether a row group of `size` bytes ends before `row`.

    The rows of a photo stay together where they can, for a group stores a picture once that they share.
    """
    if not group or (len(group) < GROUP_ROWS and size < GROUP_BYTES):
        return False
    source = row.get("source")
    return source is None or group[-1].get("source") != source or size >= LARGEST_GROUP
