"""Files on a disk or on object storage alike, by fsspec urls: `s3://`, `gs://`, `file://`, plain paths."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple

import fsspec  # type: ignore[import-untyped]

from asap.errors import UserError

_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


class Unreachable(RuntimeError):  # noqa: N818  (what happened, in the account of a photo)
    """Bytes that storage did not give this time, though they were there before."""


class Span(NamedTuple):
    """`length` bytes of a file from `start` on; the whole file where `length` is None."""

    url: str
    start: int = 0
    length: int | None = None

    def read_bytes(self) -> bytes:
        """The bytes.

        Raises:
            Unreachable: storage does not give them, or gives fewer.
        """
        end = None if self.length is None else self.start + self.length
        try:
            system, path = fsspec.core.url_to_fs(self.url)
            data = bytes(system.cat_file(path, self.start, end))
        except Exception as error:  # each kind of storage has errors of its own
            raise Unreachable(f"{self.url}: {type(error).__name__}: {error}") from error
        if self.length is not None and len(data) != self.length:
            raise Unreachable(f"{self.url} is shorter than it was")
        return data


def is_url(source: str) -> bool:
    """Whether `source` names its kind of storage, as in `s3://bucket/photos`."""
    return "://" in source


def expanded(pattern: str) -> list[str]:
    """The names that a pattern such as `shard-{000..009}.tar` stands for, in order."""
    found = _BRACES.search(pattern)
    if not found:
        return [pattern]
    first, last = found.groups()
    numbers = (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
    return [name for number in numbers for name in expanded(_BRACES.sub(number, pattern, count=1))]


def files(source: str) -> list[str]:
    """The urls of the files that `source` stands for, in order: a file, a folder's, or those of a pattern.

    Hidden files are left out; a folder's subfolders are looked into. Braces stand for numbers, `*` and `?`
    for anything.

    Raises:
        UserError: there is nothing of that name, or the storage cannot be reached.
    """
    found: list[str] = []
    for name in expanded(source):
        with reaching(name):
            system, path = fsspec.core.url_to_fs(name)
            inside = system.glob(path) if has_magic(path) else _below(system, path)
            found += (system.unstrip_protocol(file) if is_url(name) else file for file in sorted(inside))
        if not inside:
            raise UserError(f"{name}: nothing there; check the name")
    return found


def _below(system: Any, path: str) -> list[str]:
    if system.isfile(path):
        return [path]
    inside = system.find(path)
    return [file for file in inside if "/." not in file.removeprefix(path)]


def relative(urls: Sequence[str]) -> dict[str, str]:
    """url -> a short name that no other of them has: its path from the folder that all of them share."""
    folders = {url.rpartition("/")[0] for url in urls}
    shared = min(folders, default="")
    while shared and not all(f"{folder}/".startswith(f"{shared}/") for folder in folders):
        shared = shared.rpartition("/")[0]
    return {url: url.removeprefix(f"{shared}/") for url in urls}


def opened(url: str) -> Any:
    """A file to read and to seek in, on whatever kind of storage; to be closed."""
    with reaching(url):
        return fsspec.open(url, "rb").open()


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn what keeps us from `url` into one line.

    Raises:
        UserError: it is not there, not ours to read, or its kind of storage wants a package.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{url}: no such file; check the name") from None
    except (ImportError, ValueError) as error:
        raise UserError(f"{url}: this kind of storage is not at hand ({_short(error)})") from None
    except Exception as error:  # each kind of storage has errors of its own
        raise UserError(f"{url}: cannot be read ({_short(error)})") from None


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def bytes_id(data: bytes) -> str:
    """16 hexadecimal digits of the SHA-256 of `data`, as `store.file_id` of a file with these bytes."""
    return hashlib.sha256(data).hexdigest()[:16]


def local(source: str) -> Path | None:
    """`source` as a path on this machine; None for object storage and for patterns."""
    plain = source.removeprefix("file://")
    return None if is_url(plain) or has_magic(plain) or len(expanded(plain)) > 1 else Path(plain)
