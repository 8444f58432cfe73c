"""Small pictures of a dataset's photos, kept beside it, by which crops of one another are found (`crops`).

HAP/.thumbnails.parquet    content (of a photo, as splits know it), jpeg
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from asap.pairs.hap import crops, dataset, shards
from asap.pairs.hap.contact import pixels
from asap.store import Row

FILE = ".thumbnails.parquet"
SCHEMA = pa.schema([("content", pa.string()), ("jpeg", pa.binary())])
COLUMNS = ["source", "chosen"]


def alike(folder: Path, new: Sequence[Path], contents: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of sources one of which is a crop of the other, in the dataset in `folder` and the files `new`.

    Args:
        folder: of the dataset, with what is kept of it.
        new: parquet files, each with the pairs of one photo.
        contents: by source, what tells a photo's content.
    """
    small = _all(folder, new, contents)
    sources = sorted(source for source in contents if contents[source] in small)
    found = crops.crop_pairs([small[contents[source]] for source in sources])
    return [(sources[a], sources[b]) for a, b in found]


def _all(folder: Path, new: Sequence[Path], contents: Mapping[str, str]) -> dict[str, bytes]:
    """The small picture of each content: as kept, else made now, and kept."""
    path = folder / FILE
    kept = (
        {row["content"]: row["jpeg"] for row in shards.read_file(path, list(SCHEMA.names))}
        if path.exists()
        else {}
    )
    small = {content: kept[content] for content in contents.values() if content in kept}
    missing = {source for source, content in contents.items() if content not in small}
    firsts = (next(dataset.read_shard(each, COLUMNS), None) for each in new)
    small |= _made((row for row in firsts if row), missing, contents)
    if missing:  # of a dataset that was made before there were any
        small |= _made(dataset.read(folder, COLUMNS), missing, contents)
    if small.keys() != kept.keys():
        rows = ({"content": content, "jpeg": small[content]} for content in sorted(small))
        shards.write_file(path, rows, SCHEMA)
    return small


def _made(rows: Iterable[Row], missing: set[str], contents: Mapping[str, str]) -> dict[str, bytes]:
    """Small pictures of the `missing` sources that `rows` show; these are missing no more."""
    found: dict[str, bytes] = {}
    for row in rows:
        if row["source"] in missing:
            missing.discard(row["source"])
            found[contents[row["source"]]] = crops.thumbnail(pixels(row["chosen"]["bytes"]))
    return found
