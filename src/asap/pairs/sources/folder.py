"""A folder of photos on a disk, with its subfolders."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from asap.errors import UserError
from asap.pairs.photos import SUFFIXES, Skipped, Unreadable, excluded
from asap.pairs.sources import sidecars
from asap.pairs.sources.sidecars import Told
from asap.records import Photo
from asap.store import file_id, read_config

METADATA = "metadata.jsonl"
ACCEPTED = "a folder of photos, .tar shards, .parquet files, hf:NAME for a dataset, or an fsspec url of these"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z", ".gz")


def listing(folder: Path, exclude: Sequence[str] = ()) -> Iterator[Photo | Skipped]:
    """Photos in `folder` and its subfolders, and the files left out; nothing is decoded here.

    A photo's caption is the text of the .txt file beside it, else the "text" of its "file_name" in the
    nearest metadata.jsonl, in its own folder or above (paths are relative to that file), else None; its
    licence is the "license" there.

    Args:
        folder: where to look; links are followed, each folder is visited once.
        exclude: patterns such as "drafts/*" or "*.png" for relative paths or names that are not wanted.

    Raises:
        UserError: no such folder, or nothing in it that is named like a photo.
    """
    if not folder.is_dir():
        what = "no source of photos" if folder.exists() else "no such folder or file"
        packed = folder.name.endswith(PACKED) and folder.exists()
        raise UserError(f"{folder}: {what}; {'unpack it, or ' if packed else ''}give {ACCEPTED}")
    found = False
    for item in _listing(folder, exclude):
        found = True
        yield item
    if not found:
        raise UserError(f"{folder}: no photos there; expected files named {', '.join(SUFFIXES)}")


def made_by(folder: Path) -> str | None:
    """The stage that made `folder`, if one did; a config.json of another kind is somebody else's."""
    try:
        return read_config(folder).get("stage") if (folder / "config.json").is_file() else None
    except UserError:
        return None


def refuse_made(folder: Path) -> None:
    """Raises UserError: a stage made `folder`, so that it holds no photos."""
    if stage := made_by(folder):
        raise UserError(f"{folder} was made by `asap {stage}`; give the folder that holds your photos")


def _listing(folder: Path, exclude: Sequence[str]) -> Iterator[Photo | Skipped]:
    known: dict[str, Told] = {}
    for directory, names, made in walk(folder):
        if METADATA in names:
            yield from _metadata(directory, folder, known)
        for name, stage in made.items():
            source = (directory / name).relative_to(folder).as_posix()
            if not excluded(f"{source}/config.json", exclude):
                yield Skipped(source, f"made by `asap {stage}`, so none of its pictures are photos")
        beside = set(names)
        for name in names:
            path = directory / name
            source = path.relative_to(folder).as_posix()
            if not excluded(source, exclude) and not is_companion(name, beside):
                try:
                    yield _photo(path, source, known.get(source, Told()))
                except Unreadable as reason:
                    yield Skipped(source, str(reason))


def walk(folder: Path) -> Iterator[tuple[Path, list[str], dict[str, str]]]:
    """Folders under `folder` in order, each with the sorted names of its files, and the stages by the names
    of the subfolders that they made, which are not gone into; nor are hidden ones."""
    seen: set[str] = set()
    for directory, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(directory)
        visible = sorted(name for name in subfolders if not name.startswith(".") and real not in seen)
        made = {name: stage for name in visible if (stage := made_by(Path(directory, name)))}
        subfolders[:] = [name for name in visible if name not in made]
        if real not in seen:
            seen.add(real)
            yield Path(directory), sorted(name for name in names if not name.startswith(".")), made


def is_companion(name: str, names: Collection[str]) -> bool:
    """Whether a file of a folder with these `names` only serves others: captions."""
    stem, _, suffix = name.rpartition(".")
    caption = suffix == "txt" and any(stem + other in names for other in _cased(SUFFIXES))
    return caption or name.rpartition("/")[2] == METADATA


def _cased(suffixes: Sequence[str]) -> Iterator[str]:
    for suffix in suffixes:
        yield from (suffix, suffix.upper(), suffix.capitalize())


def _photo(path: Path, source: str, known: Told) -> Photo:
    if path.suffix.lower() not in SUFFIXES:
        raise Unreadable(f"not named like a photo ({', '.join(SUFFIXES)})")
    try:
        if path.stat().st_size == 0:
            raise Unreadable("an empty file")
        identity = file_id(path)
        sidecar = path.with_suffix(".txt")
        text = sidecars.text(sidecar.read_bytes()) if sidecar.is_file() else ""
    except UnicodeDecodeError:
        raise Unreadable(f"its caption {path.stem}.txt is not UTF-8") from None
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    return Photo(identity, path, source, text or known.caption, known.licence)


def _metadata(directory: Path, folder: Path, known: dict[str, Told]) -> Iterator[Skipped]:
    """Add to `known`, by source, what a folder's metadata.jsonl tells; its faults are answered."""
    path = directory / METADATA
    if not path.is_file():
        return
    source, here = path.relative_to(folder).as_posix(), directory.relative_to(folder).as_posix()
    for line in sidecars.metadata(path.read_bytes(), here):
        if isinstance(line, str):
            yield Skipped(source, line)
            continue
        name, absent, facts = line
        if not (folder / name).is_file():
            yield Skipped(source, absent)
        known[name] = facts.over(known.get(name, Told()))
