"""A dataset that `datasets` loads by name, from the hub or a folder: `hf:NAME` or `hf:NAME:CONFIGURATION`."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asap.backbones.hub import or_cache
from asap.errors import UserError
from asap.pairs.photos import Skipped, excluded
from asap.pairs.sources.storage import Unreachable
from asap.pairs.sources.tables import LIKELY, Columns, chosen, photo, picture
from asap.records import Photo

PREFIX = "hf:"


class Record(NamedTuple):
    """The picture of one record of a dataset."""

    name: str
    split: str
    column: str
    row: int

    def read_bytes(self) -> bytes:
        """The bytes, from the cache of `datasets`, which the listing filled.

        Raises:
            Unreachable: they are not there any more.
        """
        try:
            return _bytes(_undecoded(self.name, self.split, self.column)[self.row][self.column]) or b""
        except Exception as error:
            raise Unreachable(f"{self.name}: {type(error).__name__}: {error}") from error


def listing(
    name: str, split: str, columns: Columns = LIKELY, exclude: Sequence[str] = ()
) -> Iterator[Photo | Skipped]:
    """The photos of one split of the dataset `name`, in order, and records left out.

    A photo's source is `<split>/<index>`; columns are chosen as `tables.listing` does.

    Raises:
        UserError: `datasets` cannot load it, or which column has the photos is not plain.
    """
    loaded = _loaded(name, split)
    image, caption = chosen(loaded.features.arrow_schema, columns, name)
    for index, row in enumerate(_undecoded(name, split, image)):
        source = f"{split}/{index:06d}"
        if not excluded(source, exclude):
            row[image] = _bytes(row[image])
            yield photo(row, image, caption, source, Record(name, split, image, index))


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return any((folder / sign).is_file() for sign in ("state.json", "dataset_dict.json"))


@functools.lru_cache(maxsize=1)
def _loaded(name: str, split: str) -> Any:
    import datasets  # takes seconds, and only this source wants it

    datasets.disable_progress_bars()
    path, _, configuration = name.partition(":")
    try:
        if is_saved(Path(path)):
            saved = datasets.load_from_disk(path)
            return saved if isinstance(saved, datasets.Dataset) else saved[split]
        if Path(path).exists():
            return datasets.load_dataset(path, configuration or None, split=split)
        with or_cache("dataset", path, "README.md"):
            return datasets.load_dataset(path, configuration or None, split=split)
    except UserError as error:
        raise UserError(f"{PREFIX}{name}: {error}") from None
    except Exception as error:  # of many kinds, all of them about names, networks or files
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{PREFIX}{name}, split {split}: datasets cannot load it ({told})") from None


@functools.lru_cache(maxsize=1)
def _undecoded(name: str, split: str, column: str) -> Any:
    import datasets

    loaded = _loaded(name, split)
    if isinstance(loaded.features[column], datasets.Image):
        return loaded.cast_column(column, datasets.Image(decode=False))
    return loaded


def _bytes(value: object) -> bytes | None:
    """The bytes of a cell, from the file that it names where it has none itself."""
    if isinstance(value, dict) and value.get("bytes") is None and value.get("path"):
        return Path(value["path"]).read_bytes()
    return picture(value)
