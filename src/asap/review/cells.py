"""Where in a parquet file the bytes of a picture lie, so that one picture is one read.

A column of pictures is stored as pages of `length, bytes` one after the other (PLAIN), either a value a row
or as a dictionary with a number a row; all uncompressed, as `asap.pairs.hap.shards` writes them. What is
read here are page headers, lengths and numbers, never the pictures between them. See the format's documents
`Encodings` and `parquet.thrift` (https://github.com/apache/parquet-format).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Read = Callable[[int, int], bytes]
"""(length, offset) -> bytes of a file, fewer at its end; as `os.pread`."""
Place = tuple[int, int] | None
"""(length, offset) of a value, None where it is null."""

DATA, DICTIONARY = 0, 2  # types of pages
PLAIN, BY_NUMBER = 0, (2, 8)  # encodings
HEADERS = (4096, 1 << 20)  # bytes read for the header of a page: it may hold values, the least and greatest


class Unknown(Exception):  # noqa: N818  (it only sends the caller another way)
    """A column that is stored in another way."""


class Page(NamedTuple):
    """A page's type, the encoding and number of its values, and where they begin and end."""

    type: int
    encoding: int
    values: int
    start: int
    end: int


def places(read: Read, column: Any, levels: int) -> list[Place]:
    """The place of each value of a column chunk.

    Args:
        read: of the file.
        column: its `pyarrow.parquet.ColumnChunkMetaData`.
        levels: how many of the fields on the column's path may be null.

    Raises:
        Unknown: it is stored in another way.
    """
    if column.compression != "UNCOMPRESSED" or not levels:
        raise Unknown
    start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    found: list[Place] = []
    words: list[Place] = []
    for page in _pages(read, start, start + column.total_compressed_size):
        if page.type == DICTIONARY and page.encoding in (PLAIN, *BY_NUMBER):
            words = list(_hops(read, page, page.start, page.values))
        elif page.type == DATA:
            found += _values(read, page, words, levels)
        else:
            raise Unknown
    if len(found) != column.num_values:
        raise Unknown
    return found


def _pages(read: Read, start: int, end: int) -> Iterator[Page]:
    while start < end:
        fields, length = _header(read, start)
        told = fields.get(5) or fields.get(7)
        if not told or fields[2] != fields[3]:  # a page of another kind, or a compressed one
            raise Unknown
        body = start + length
        yield Page(fields[1], told[2], told[1], body, body + fields[3])
        start = body + fields[3]


def _header(read: Read, start: int) -> tuple[dict[int, Any], int]:
    """The fields of a page's header, and its length."""
    for most in HEADERS:
        try:
            return _record(read(most, start), 0)
        except IndexError:  # it ends behind what was read
            continue
    raise Unknown


def _values(read: Read, page: Page, words: list[Place], levels: int) -> Iterator[Place]:
    """The places of a data page: levels, which tell where there is null, then values."""
    (length,) = struct.unpack("<I", read(4, page.start))
    start = page.start + 4 + length
    present = _numbers(read(length, page.start + 4), levels.bit_length(), page.values) == levels
    count = int(present.sum())
    if page.encoding == PLAIN:
        values = list(_hops(read, page, start, count))
    elif page.encoding in BY_NUMBER:
        data = read(page.end - start, start)
        values = [words[number] for number in _numbers(data[1:], data[0], count)]
    else:
        raise Unknown
    rest = iter(values)
    return (next(rest) if there else None for there in present)


def _hops(read: Read, page: Page, start: int, count: int) -> Iterator[Place]:
    for _ in range(count):
        (length,) = struct.unpack("<I", read(4, start))
        if start + 4 + length > page.end:
            raise Unknown
        yield length, start + 4
        start += 4 + length


def _numbers(data: bytes, width: int, count: int) -> NDArray[np.int64]:
    """`count` numbers of `width` bits in the hybrid of run lengths and packed bits."""
    found: list[NDArray[np.int64]] = []
    at, total = 0, 0
    while total < count:
        head, at = _varint(data, at)
        if head & 1:  # packed: groups of eight, least significant bit first
            size = (head >> 1) * width
            bits = np.unpackbits(np.frombuffer(data[at : at + size], np.uint8), bitorder="little")
            run = bits.reshape(-1, width) @ (1 << np.arange(width)) if width else np.zeros((head >> 1) * 8)
        else:
            size = (width + 7) // 8
            run = np.full(head >> 1, int.from_bytes(data[at : at + size], "little"))
        at += size
        found.append(run.astype(np.int64))
        total += len(run)
    return np.concatenate([*found, np.zeros(0, np.int64)])[:count]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def _record(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """A struct in Thrift's compact protocol, by the numbers of its fields, and where it ends."""
    fields: dict[int, Any] = {}
    name = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if step:
            name += step
        else:
            name, at = _signed(data, at)
        fields[name], at = _field(data, at, kind)
    return fields, at + 1


def _field(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind in (4, 5, 6):
        return _signed(data, at)
    if kind == 8:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind == 12:
        return _record(data, at)
    raise Unknown  # no other kind stands in the header of a page


def _signed(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at
