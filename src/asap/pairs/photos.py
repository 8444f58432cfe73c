"""Photos as people keep them: a folder of JPEG, PNG and WebP files, some of them damaged, with captions."""

from __future__ import annotations

import json
import os
import posixpath
import struct
import warnings
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from asap.errors import UserError
from asap.records import Image, Photo
from asap.store import file_id

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LARGEST = 150_000_000
"""Pixels above which a picture is not decoded."""


class Skipped(NamedTuple):
    """A file that was left out, and why in a few words."""

    source: str
    reason: str


class Told(NamedTuple):
    """What a metadata.jsonl tells of a photo."""

    caption: str | None = None
    licence: str | None = None


class Unreadable(Exception):  # noqa: N818  (an answer, which becomes one line of the summary)
    """A file that cannot be used as a photo; the text gives the reason in a few words."""


def find_photos(folder: Path, exclude: Sequence[str] = ()) -> tuple[list[Photo], list[Skipped]]:
    """Photos in `folder` and its subfolders in order of their relative paths, and the files left out.

    A photo's caption is the text of the .txt file beside it, else the "text" of its "file_name" in the
    nearest metadata.jsonl, in its own folder or above (paths are relative to that file), else None; its
    licence is the "license" there. Of files with equal bytes the first counts. Nothing is decoded here.

    Args:
        folder: where to look; links are followed, each folder is visited once.
        exclude: patterns such as "drafts/*" or "*.png" for relative paths or names that are not wanted.

    Raises:
        UserError: no such folder, or nothing in it that is named like a photo.
    """
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {what}; give the folder that holds your photos")
    photos: list[Photo] = []
    skipped: list[Skipped] = []
    first: dict[str, str] = {}
    told: dict[str, Told] = {}
    for directory, names in _walk(folder):
        _learn(told, _metadata(directory, folder, skipped))
        for name in names:
            path = directory / name
            source = path.relative_to(folder).as_posix()
            if not excluded(source, exclude) and not _is_companion(path, names):
                try:
                    photo = _photo(path, source, told.get(source, Told()))
                    if photo.id in first:
                        raise Unreadable(f"the same bytes as {first[photo.id]}")
                except Unreadable as reason:
                    skipped.append(Skipped(source, str(reason)))
                else:
                    first[photo.id] = source
                    photos.append(photo)
    if not photos and not skipped:
        raise UserError(f"{folder}: no photos there; expected files named {', '.join(SUFFIXES)}")
    return photos, skipped


def _learn(told: dict[str, Told], news: Sequence[tuple[str, Told]]) -> None:
    """Add `news` by source; what they leave open stays as it was told before."""
    for source, new in news:
        known = told.get(source, Told())
        told[source] = Told(new.caption or known.caption, new.licence or known.licence)


def excluded(source: str, exclude: Sequence[str]) -> bool:
    """Whether one of the patterns matches a relative path or its last part."""
    return any(fnmatch(source, pattern) or fnmatch(source.rpartition("/")[2], pattern) for pattern in exclude)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders under `folder` in order, each with the sorted names of its files, without hidden ones."""
    seen: set[str] = set()
    for directory, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(directory)
        visible = sorted(name for name in subfolders if not name.startswith("."))
        subfolders[:] = [] if real in seen else visible
        if real not in seen:
            seen.add(real)
            yield Path(directory), sorted(name for name in names if not name.startswith("."))


def _is_companion(path: Path, names: Sequence[str]) -> bool:
    """Whether a file only serves others: captions."""
    beside = path.suffix == ".txt" and any(path.stem + suffix in names for suffix in _cased(SUFFIXES))
    return beside or path.name == "metadata.jsonl"


def _cased(suffixes: Sequence[str]) -> Iterator[str]:
    for suffix in suffixes:
        yield from (suffix, suffix.upper(), suffix.capitalize())


def _photo(path: Path, source: str, told: Told) -> Photo:
    if path.suffix.lower() not in SUFFIXES:
        raise Unreadable(f"not named like a photo ({', '.join(SUFFIXES)})")
    try:
        if path.stat().st_size == 0:
            raise Unreadable("an empty file")
        identity = file_id(path)
        sidecar = path.with_suffix(".txt")
        text = sidecar.read_text(encoding="utf-8-sig") if sidecar.is_file() else ""
    except UnicodeDecodeError:
        raise Unreadable(f"its caption {path.stem}.txt is not UTF-8") from None
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    return Photo(identity, path, source, " ".join(text.split()) or told.caption, told.licence)


def _metadata(directory: Path, folder: Path, skipped: list[Skipped]) -> list[tuple[str, Told]]:
    """What is told, by source, from a folder's metadata.jsonl; lines that cannot be used go to `skipped`."""
    path = directory / "metadata.jsonl"
    found: list[tuple[str, Told]] = []
    if not path.is_file():
        return found
    source, here = path.relative_to(folder).as_posix(), directory.relative_to(folder).as_posix()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line.decode("utf-8"))
                name = posixpath.normpath(posixpath.join(here, str(row["file_name"])))
                licence = str(row.get("license") or row.get("licence") or "")
                text = row["text"] if not licence else row.get("text") or ""
                words = " ".join(str(text).split()), " ".join(licence.split())
                found.append((name, Told(*(word or None for word in words))))
                if not (folder / name).is_file():
                    skipped.append(
                        Skipped(source, f"line {number} names {row['file_name']}, which is not there")
                    )
            except (ValueError, KeyError, TypeError):
                reason = f'line {number} is not {{"file_name": ..., "text": ...}} in UTF-8'
                skipped.append(Skipped(source, reason))
    return found


def read_photo(path: Path, size: int) -> Image:
    """The photo's pixels, upright, RGB (H, W, 3) `uint8`, its longest side at most `size`.

    EXIF orientation is applied; transparent pixels lie over white; of an animation it is the first picture.

    Raises:
        Unreadable: not a JPEG, PNG or WebP picture (whatever its name), damaged, cut short, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=["JPEG", "PNG", "WEBP"]) as file:
                if file.width * file.height > LARGEST:
                    raise Unreadable(
                        f"{file.width} x {file.height} pixels are too many; the most is {LARGEST:,}"
                    )
                file.draft(None, (size, size))
                pixels = _rgb(_upright(file))
    except UnidentifiedImageError:
        raise Unreadable("not a JPEG, PNG or WebP picture") from None
    except Pillow.DecompressionBombError:
        raise Unreadable(f"too many pixels; the most is {LARGEST:,}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable(f"damaged ({' '.join(str(error).split())})") from None
    return _shrink(pixels, size)


def _upright(picture: Pillow.Image) -> Pillow.Image:
    """The picture turned as its Exif block says, or as it is where that block is damaged."""
    try:
        return ImageOps.exif_transpose(picture)
    except (struct.error, KeyError, TypeError, ValueError, SyntaxError, OverflowError):
        return picture


def _rgb(picture: Pillow.Image) -> Image:
    if picture.mode.startswith(("I", "F")):
        deep = np.asarray(picture, np.float32)
        grey = np.round(deep / 257 if deep.max() > 255 else deep).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.has_transparency_data:
        ground = Pillow.new("RGBA", picture.size, "white")
        picture = Pillow.alpha_composite(ground, picture.convert("RGBA"))
    return np.array(picture.convert("RGB"))


def _shrink(pixels: Image, size: int) -> Image:
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    if scale >= 1:
        return pixels
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA), np.uint8)
