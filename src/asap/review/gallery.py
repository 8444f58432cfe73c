"""The pairs of a HAP dataset by id: their facts in memory, their pictures read when asked for.

A picture is handed on as the bytes that the dataset holds; nothing is decoded, and only its own bytes are
read (`cells`). Where others stored the dataset in another way, a row group is read whole, and the last few
stay in memory.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from asap.errors import UserError
from asap.pairs.hap import dataset
from asap.review import cells
from asap.store import Row, content_id

KEPT_BYTES = 128 << 20
"""Of row groups that stay in memory where they must be read whole."""
PNG = b"\x89PNG\r\n\x1a\n"
LISTED = ("part", "error", "degradation", "detector", "split", *dataset.METRICS)
"""What the page filters and sorts by."""
TOLD = ("prompt", "source", "license", "seed", "box", "parameters")
"""What is told of a pair when it is shown."""


class Where(NamedTuple):
    """A row's place: file, row group, and row in the group."""

    file: int
    group: int
    row: int


class Gallery:
    """The finished dataset in `folder` as it is now; it stays so if the dataset is built anew meanwhile.

    Raises:
        UserError: there is no finished dataset.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / dataset.CONTACT_SHEET).exists() or not dataset.files(folder):
            raise UserError(f"{folder} holds no finished dataset; make one by `asap build` or `asap figures`")
        paths = dataset.files(folder)
        self.title = str(dataset.about(folder)["title"])
        self.version = content_id([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in paths])
        self._files = [_opened(path) for path in paths]
        self._raw = [os.open(path, os.O_RDONLY) for path in paths]
        self._turn = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self._cells: dict[tuple[int, int, str], list[cells.Place] | None] = {}
        splits = [path.name.partition("-")[0] for path in paths]
        facts = pa.concat_tables(
            [_facts(file, split) for file, split in zip(self._files, splits, strict=True)]
        )
        self.ids: list[str] = facts["id"].to_pylist()
        self._facts = facts
        self._numbers = {pair: number for number, pair in enumerate(self.ids)}
        self._places = list(_places(self._files))

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, pair: object) -> bool:
        return pair in self._numbers

    def listing(self) -> Row:
        """Ids and columns of `LISTED`, in order; of texts the words used and each row's number among them."""
        columns = {name: _column(self._facts[name]) for name in LISTED}
        return {"ids": self.ids, "columns": columns}

    def facts(self, pair: str) -> Row:
        """What `TOLD` and `LISTED` say of a pair.

        Raises:
            KeyError: no such pair.
        """
        row: Row = self._facts.slice(self._numbers[pair], 1).to_pylist()[0]
        return row | {"parameters": _parameters(row["parameters"])}

    def picture(self, pair: str, name: str) -> bytes | None:
        """The PNG file of a pair's "chosen", "rejected" or "mask"; None where the dataset holds none.

        Raises:
            KeyError: no such pair, or no such picture.
        """
        if name not in dataset.PICTURES:
            raise KeyError(name)
        data = self._bytes(self._places[self._numbers[pair]], name)
        return data if data and data.startswith(PNG) else None

    def close(self) -> None:
        """Let go of the files."""
        for file in self._raw:
            os.close(file)
        self._raw = []

    def _bytes(self, place: Where, name: str) -> bytes | None:
        known = self._located(place, name)
        if known is not None:
            cell = known[place.row]
            return os.pread(self._raw[place.file], *cell) if cell else None
        with self._turn:  # one file is not read by several threads
            found = self._group(place)[name][place.row].as_py()
        return found["bytes"] if found else None  # a "path" beside it is never followed

    def _located(self, place: Where, name: str) -> list[cells.Place] | None:
        """Where the pictures of a row group lie; None where that cannot be told."""
        key = (place.file, place.group, name)
        if key not in self._cells:
            self._cells[key] = _cells(self._files[place.file], self._raw[place.file], place.group, name)
        return self._cells[key]

    def _group(self, place: Where) -> pa.Table:
        key = (place.file, place.group)
        if key not in self._kept:
            columns = list(dataset.PICTURES)
            self._kept[key] = self._files[place.file].read_row_group(place.group, columns, use_threads=False)
            while len(self._kept) > 1 and sum(table.nbytes for table in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read ({error}); build the dataset again") from None


def _cells(file: pq.ParquetFile, raw: int, group: int, name: str) -> list[cells.Place] | None:
    path, row_group = f"{name}.bytes", file.metadata.row_group(group)
    columns = {row_group.column(index).path_in_schema: index for index in range(row_group.num_columns)}
    if path not in columns:
        return None
    levels = file.schema.column(columns[path]).max_definition_level
    try:
        return cells.places(partial(os.pread, raw), row_group.column(columns[path]), levels)
    except (cells.Unknown, LookupError, ValueError, struct.error):
        return None


def _places(files: Iterable[pq.ParquetFile]) -> Iterable[Where]:
    for number, file in enumerate(files):
        for group in range(file.num_row_groups):
            for row in range(file.metadata.row_group(group).num_rows):
                yield Where(number, group, row)


def _facts(file: pq.ParquetFile, split: str) -> pa.Table:
    """Id and facts of a file's rows; None in columns that an earlier version of asap did not write."""
    wanted = [name for name in dict.fromkeys(("id", *LISTED, *TOLD)) if name != "split"]
    present = [name for name in wanted if name in file.schema_arrow.names]
    table = file.read(columns=present, use_threads=False)
    columns = {}
    for name in wanted:
        kind = dataset.SCHEMA.field(name).type
        columns[name] = table[name].cast(kind) if name in present else pa.nulls(len(table), kind)
    return pa.table({**columns, "split": pa.array([split] * len(table), pa.string())})


def _column(values: pa.ChunkedArray) -> Row:
    if not pa.types.is_string(values.type):
        return {"numbers": [None if value is None else round(value, 6) for value in values.to_pylist()]}
    coded = values.combine_chunks().dictionary_encode()
    return {"words": coded.dictionary.to_pylist(), "codes": coded.indices.to_pylist()}


def _parameters(text: str | None) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}
