"""Pictures by id: the dataset's own bytes, found without reading what lies between them."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import reviews
from asap.pairs.hap import dataset
from asap.review import cells, gallery
from asap.review.gallery import Gallery


def rewritten(folder: Path, **how: object) -> None:
    """The dataset's file stored in another way."""
    (path,) = dataset.files(folder)
    table = pa.Table.from_pylist(list(dataset.read(folder)), dataset.SCHEMA)
    pq.write_table(table, path, **how)


def check(folder: Path) -> Gallery:
    found = Gallery(folder)
    for row in dataset.read(folder):
        for name in dataset.PICTURES:
            assert found.picture(row["id"], name) == row[name]["bytes"]
    return found


WAYS = {
    "as it is written": None,
    "several row groups": {"compression": "none", "row_group_size": 7},
    "small pages": {"compression": "none", "data_page_size": 1000, "write_batch_size": 2},
    "no dictionary": {"compression": "none", "use_dictionary": False},
    "a dictionary that grew too large": {"compression": "none", "dictionary_pagesize_limit": 60000},
    "compressed": {"compression": "snappy"},
    "pages of version 2": {"compression": "none", "data_page_version": "2.0"},
    "another encoding": {
        "compression": "none",
        "use_dictionary": False,
        "column_encoding": {f"{name}.bytes": "DELTA_LENGTH_BYTE_ARRAY" for name in dataset.PICTURES},
    },
}
READ_WHOLE = {"compressed", "pages of version 2", "another encoding"}


@pytest.mark.parametrize("way", WAYS)
def test_pictures_are_the_datasets_bytes(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "hap"
    dataset.write(folder, reviews.rows(20), title="HAP")
    if WAYS[way]:
        rewritten(folder, **WAYS[way])
    found = check(folder)
    assert {value is None for value in found._cells.values()} == {way in READ_WHOLE}


def test_a_page_whose_header_holds_long_values_is_read(tmp_path: Path) -> None:
    """Writers put the least and the greatest value of a page into its header."""
    values = [bytes([number]) * 4000 for number in range(8)]
    table = pa.table({"mask": [{"bytes": value} for value in values]})
    pq.write_table(table, tmp_path / "x.parquet", compression="none", use_dictionary=False)
    file, data = pq.ParquetFile(tmp_path / "x.parquet"), (tmp_path / "x.parquet").read_bytes()
    column = file.metadata.row_group(0).column(0)
    found = cells.places(
        lambda length, offset: data[offset : offset + length],
        column,
        file.schema.column(0).max_definition_level,
    )
    assert [data[place[1] : sum(place)] for place in found if place] == values


def test_only_the_picture_itself_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "hap"
    dataset.write(folder, reviews.rows(40), title="HAP")
    (path,) = dataset.files(folder)
    raw, file, taken = os.open(path, os.O_RDONLY), pq.ParquetFile(path), []

    def read(length: int, offset: int) -> bytes:
        taken.append(length)
        return os.pread(raw, length, offset)

    group = file.metadata.row_group(0)
    index = next(i for i in range(group.num_columns) if group.column(i).path_in_schema == "rejected.bytes")
    column = group.column(index)
    found = cells.places(read, column, file.schema.column(index).max_definition_level)
    assert len(found) == 40 and column.total_compressed_size > 1 << 20
    assert sum(taken) < column.total_compressed_size / 50
    os.close(raw)


def test_rows_without_a_picture_have_none(tmp_path: Path) -> None:
    folder, rows = tmp_path / "hap", list(reviews.rows(9))
    dataset.write(folder, rows, title="HAP")
    for index in (0, 4, 8):
        rows[index]["rejected"] = None if index == 4 else {"bytes": None, "path": "/etc/passwd"}
        rows[index]["chosen"] = {"bytes": b"GIF89a", "path": None}
    dataset.write_shard(dataset.files(folder)[0], rows)
    found = Gallery(folder)
    for index, row in enumerate(rows):
        expected = None if index in (0, 4, 8) else row["rejected"]["bytes"]
        assert found.picture(row["id"], "rejected") == expected
        assert (found.picture(row["id"], "chosen") is None) == (index in (0, 4, 8))
    for pair, name in (("nobody", "mask"), (rows[1]["id"], "prompt")):
        with pytest.raises(KeyError):
            found.picture(pair, name)


def test_a_dataset_built_anew_leaves_the_open_one_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "hap"
    dataset.write(folder, reviews.rows(8), title="HAP")
    found, before = Gallery(folder), {row["id"]: row for row in dataset.read(folder)}
    dataset.write(folder, reviews.rows(2, prompt="another"), title="HAP")
    for pair, row in before.items():
        assert found.picture(pair, "rejected") == row["rejected"]["bytes"]
        assert found.facts(pair)["prompt"] == row["prompt"]
    assert len(Gallery(folder)) == 2


def test_a_damaged_page_is_no_place(tmp_path: Path) -> None:
    folder = tmp_path / "hap"
    dataset.write(folder, reviews.rows(8), title="HAP")
    (path,) = dataset.files(folder)
    file = pq.ParquetFile(path)
    group = file.metadata.row_group(0)
    column = next(
        c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "rejected.bytes"
    )
    raw = os.open(path, os.O_RDONLY)
    for damage in (b"\xff" * 64, bytes(64), b"\x15" * 64):

        def read(length: int, offset: int, damage: bytes = damage) -> bytes:
            data = os.pread(raw, length, offset)
            return damage[: len(data)] + data[64:] if offset == column.data_page_offset else data

        with pytest.raises((cells.Unknown, LookupError, ValueError)):
            cells.places(read, column, 2)
    assert gallery._cells(file, raw, 0, "nothing") is None
    assert len(cells.places(partial(os.pread, raw), column, 2)) == 8
    os.close(raw)
