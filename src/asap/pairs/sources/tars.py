"""WebDataset shards: tar files whose neighbouring members of one name belong together.

    0001.jpg   the photo       0001.txt   its caption, or       0001.json   {"caption": ..., "license": ...}

Shards are read once, from end to end, to find and hash the photos; workers then read each photo's span.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from itertools import groupby

from asap.pairs.photos import SUFFIXES, Skipped, excluded
from asap.pairs.sources import sidecars, storage
from asap.pairs.sources.sidecars import Told
from asap.records import Photo

SUFFIX = ".tar"
_SIDECARS = (".txt", ".json")


def listing(urls: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[Photo | Skipped]:
    """The photos in the shards `urls`, in order, and what was left out; nothing is decoded here.

    A photo's source is `<shard>/<member>`. Its caption is its .txt, else the "caption", "text" or "prompt" of
    its .json, whose "license" counts too. Other members are left alone, unless they have no photo at all.
    """
    for url, shard in storage.relative(urls).items():
        with storage.opened(url) as file:
            try:
                with tarfile.open(fileobj=file, mode="r:") as tar:
                    for _, members in groupby(_members(tar), lambda member: _key(member.name)):
                        yield from _sample(tar, list(members), url, shard, exclude)
            except tarfile.TarError as error:
                yield Skipped(shard, f"not a whole, plain tar ({error}); only what is whole was used")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if member.isreg() and not member.name.rpartition("/")[2].startswith("."):
            yield member
        tar.members = []  # type: ignore[attr-defined]  # else it keeps them all


def _key(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _sample(
    tar: tarfile.TarFile, members: Sequence[tarfile.TarInfo], url: str, shard: str, exclude: Sequence[str]
) -> Iterator[Photo | Skipped]:
    photos = [member for member in members if _suffix(member) in SUFFIXES]
    wanted = [member for member in photos if not excluded(f"{shard}/{member.name}", exclude)]
    if not photos:
        yield Skipped(f"{shard}/{members[0].name}", f"no photo of that name ({', '.join(SUFFIXES)})")
    told, fault = _told(tar, members) if wanted else (Told(), "")
    for member in wanted:
        source = f"{shard}/{member.name}"
        if fault or not member.size:
            yield Skipped(source, fault or "an empty file")
        else:
            span = storage.Span(url, member.offset_data, member.size)
            yield Photo(storage.bytes_id(_read(tar, member)), span, source, told.caption, told.licence)


def _told(tar: tarfile.TarFile, members: Sequence[tarfile.TarInfo]) -> tuple[Told, str]:
    """What the sidecars of a sample tell, and the fault of one that cannot be read."""
    told = Told()
    for member in sorted((m for m in members if _suffix(m) in _SIDECARS), key=_suffix):  # .json before .txt
        try:
            if _suffix(member) == ".json":
                told = sidecars.told(dict(json.loads(_read(tar, member))))
            else:
                told = told._replace(caption=sidecars.text(_read(tar, member)) or told.caption)
        except (ValueError, TypeError):
            return told, f"its {member.name} is no {_suffix(member)[1:]} in UTF-8"
    return told, ""


def _suffix(member: tarfile.TarInfo) -> str:
    _, dot, suffix = member.name.rpartition("/")[2].partition(".")
    return (dot + suffix).lower()


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return b"" if file is None else file.read()
