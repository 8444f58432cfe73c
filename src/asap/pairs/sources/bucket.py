"""A folder of photos on object storage, with its subfolders: as `folder`, by fsspec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asap.errors import UserError
from asap.pairs.photos import SUFFIXES, Skipped, excluded
from asap.pairs.sources import sidecars, storage
from asap.pairs.sources.folder import METADATA, is_companion
from asap.pairs.sources.sidecars import Told
from asap.records import Photo


def listing(urls: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[Photo | Skipped]:
    """The photos among the files `urls`, and those left out; captions as `folder.listing` has them.

    Every photo is read once here, for its id, and once more by the worker that uses it.

    Raises:
        UserError: a file cannot be read.
    """
    names = storage.relative(list(urls))
    places = {name: url for url, name in names.items()}
    known: dict[str, Told] = {}
    for name in sorted(places, key=lambda name: (name.count("/"), name)):
        if name.rpartition("/")[2] == METADATA:  # of a folder before those of its subfolders
            yield from _metadata(name, places, known)
    for name, url in places.items():
        if not excluded(name, exclude) and not is_companion(name, places):
            yield _photo(name, url, places, known.get(name, Told()))


def _metadata(source: str, places: dict[str, str], known: dict[str, Told]) -> Iterator[Skipped]:
    for line in sidecars.metadata(_bytes(places[source]), source.rpartition("/")[0] or "."):
        if isinstance(line, str):
            yield Skipped(source, line)
            continue
        name, absent, facts = line
        if name not in places:
            yield Skipped(source, absent)
        known[name] = facts.over(known.get(name, Told()))


def _photo(source: str, url: str, places: dict[str, str], known: Told) -> Photo | Skipped:
    stem, dot, suffix = source.rpartition(".")
    if dot + suffix.lower() not in SUFFIXES:
        return Skipped(source, f"not named like a photo ({', '.join(SUFFIXES)})")
    sidecar = places.get(f"{stem}.txt")
    try:
        text = sidecars.text(_bytes(sidecar)) if sidecar else ""
    except UnicodeDecodeError:
        return Skipped(source, f"its caption {stem}.txt is not UTF-8")
    data = _bytes(url)
    if not data:
        return Skipped(source, "an empty file")
    return Photo(storage.bytes_id(data), storage.Span(url), source, text or known.caption, known.licence)


def _bytes(url: str) -> bytes:
    try:
        return storage.Span(url).read_bytes()
    except storage.Unreachable as error:
        raise UserError(f"cannot be read: {error}") from None
