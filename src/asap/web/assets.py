"""The files of a page, read once: there is no path from an address to a place on the disk."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file's bytes and their media type."""

    body: bytes
    kind: str


def load(package: str, folder: str = "static") -> dict[str, Asset]:
    """The page's files in `folder` of `package`, by name; files of other kinds are left out."""
    found = {}
    for entry in files(package).joinpath(folder).iterdir():
        kind = KINDS.get(entry.name.rpartition(".")[2])
        if kind and entry.is_file():
            found[entry.name] = Asset(entry.read_bytes(), kind)
    return found
