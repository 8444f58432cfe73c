"""All photos of a source, whatever kind it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pyarrow import ArrowException

from asap.errors import UserError
from asap.pairs.photos import SUFFIXES, Skipped
from asap.pairs.sources import bucket, folder, hub, storage, tables, tars
from asap.pairs.sources.tables import LIKELY, Columns
from asap.records import Photo

Exclude = Sequence[str]
_SHARDS = (tars.SUFFIX, tables.SUFFIX)


def find_photos(
    source: str | Path, exclude: Exclude = (), *, columns: Columns = LIKELY, split: str = "train"
) -> tuple[list[Photo], list[Skipped]]:
    """Photos of `source` in its order, and what was left out. Of photos with equal bytes the first counts.

    Args:
        source: a folder of photos; .tar shards or parquet files, by name, pattern (`{000..009}`, `*`) or
            folder; on a disk or, by an fsspec url, on object storage; or `hf:` and a dataset's name.
        exclude: patterns for photos' sources, or the last part of these, that are not wanted.
        columns: of tables, those to use.
        split: of a dataset.

    Raises:
        UserError: no such source, or nothing in it that could be a photo.
    """
    photos: list[Photo] = []
    skipped: list[Skipped] = []
    first: dict[str, str] = {}
    sources: set[str] = set()
    for found in _read_whole(str(source), _listing(str(source), exclude, columns, split)):
        if isinstance(found, Skipped):
            skipped.append(found)
        elif found.id in first:
            skipped.append(Skipped(found.source, f"the same bytes as {first[found.id]}"))
        elif found.source in sources:
            skipped.append(Skipped(found.source, "another photo has this name"))
        else:
            first[found.id] = found.source
            sources.add(found.source)
            photos.append(found)
    return photos, skipped


def _read_whole(source: str, listing: Iterator[Photo | Skipped]) -> Iterator[Photo | Skipped]:
    try:
        yield from listing
    except (OSError, ArrowException) as error:
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(f"{source}: cannot be read to its end ({told})") from None


def _listing(source: str, exclude: Exclude, columns: Columns, split: str) -> Iterator[Photo | Skipped]:
    if source.startswith(hub.PREFIX):
        return hub.listing(source.removeprefix(hub.PREFIX), split, columns, exclude)
    here = storage.local(source)
    if here is not None and hub.is_saved(here):
        return hub.listing(str(here), split, columns, exclude)
    if here is not None and not _holds_shards(here):
        return folder.listing(here, exclude)
    urls = storage.files(source)
    kind = _kind(urls)
    if kind == tars.SUFFIX:
        return tars.listing([url for url in urls if url.endswith(kind)], exclude)
    if kind == tables.SUFFIX:
        return tables.listing([url for url in urls if url.endswith(kind)], columns, exclude)
    if kind is None:
        raise UserError(f"{source}: no photos there; expected {', '.join((*SUFFIXES, *_SHARDS))}")
    return bucket.listing(urls, exclude)


def _holds_shards(here: Path) -> bool:
    """Whether `here` is a shard, or a folder that holds shards and no photo."""
    if here.is_dir():
        return _kind(name for _, names, _ in folder.walk(here) for name in names) in _SHARDS
    return here.is_file() and here.suffix in _SHARDS


def _kind(names: Iterable[str]) -> str | None:
    """The suffix by which files are known: that of the first photo, else of the first shard."""
    shard = None
    for name in names:
        _, dot, suffix = name.rpartition(".")
        if dot + suffix.lower() in SUFFIXES:
            return dot + suffix.lower()
        if dot + suffix in _SHARDS:
            shard = shard or dot + suffix
    return shard
