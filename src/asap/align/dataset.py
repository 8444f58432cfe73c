"""The HAP dataset that a run reads: opened as a stream, and first looked at without torch or `datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet

from asap import store
from asap.align.names import REGIONLESS
from asap.backbones import hub
from asap.errors import UserError

COLUMNS = ("id", "prompt", "chosen", "rejected", "mask")
MAKE = "make some by `asap build` or `asap figures`"


def check(data: str, *, masks: bool = True) -> None:
    """Look at the dataset's place, and at columns and rows of a folder's parquet files.

    Raises:
        UserError: no such folder, or one without pairs, or without `masks`. The hub is not asked.
    """
    folder = Path(data)
    if folder.exists():
        _check_columns(_columns(folder), data, masks)
    elif not hub.is_id(data):
        raise UserError(f"no folder {data}; give a HAP dataset's folder, or a hub id such as owner/name")


def opened(data: str, *, masks: bool = True) -> Any:
    """The rows of the HAP dataset `data`, streamed; without `masks` it may lack them.

    Raises:
        UserError: as `check`, or the hub has no such dataset.
    """
    check(data, masks=masks)
    import datasets

    revision = None if Path(data).exists() else hub.revision("dataset", data)
    try:
        rows = datasets.load_dataset(data, split="train", streaming=True, revision=revision)
    except (FileNotFoundError, ValueError, ConnectionError, datasets.exceptions.DatasetsError) as error:
        raise UserError(f"cannot open the dataset {data}: {' '.join(str(error).split())[:200]}") from None
    _check_columns(rows.column_names or list(COLUMNS), data, masks)
    return rows


def _columns(folder: Path) -> list[str]:
    """The columns that all parquet files below `folder` have.

    `datasets` is not told of a folder without rows: what it raises there has no name.
    """
    files = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
    if not files:
        raise UserError(f"{folder} holds no parquet files, so no HAP dataset; {MAKE}")
    try:
        tables = [pyarrow.parquet.read_metadata(file) for file in files]
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{folder}: a parquet file is damaged ({error}); {MAKE} anew") from None
    if not sum(table.num_rows for table in tables):
        raise UserError(f"{folder} holds no pairs; {MAKE}")
    common = set.intersection(*({*table.schema.to_arrow_schema().names} for table in tables))
    return sorted(common)


def _check_columns(found: list[str], data: str, masks: bool) -> None:
    needed = [name for name in COLUMNS if name != "mask" or masks]
    missing = [name for name in needed if name not in found]
    if missing == ["mask"]:
        raise UserError(
            f"{data} has no column `mask`; add one, or take --objective {' or '.join(REGIONLESS)}, "
            "which know no region"
        )
    if missing:
        raise UserError(
            f"{data} lacks the columns {', '.join(missing)}; a HAP dataset has {', '.join(COLUMNS)}"
        )


def identity(data: str) -> str:
    """What a dataset holds: the id of its folder's parquet files, or the hub's commit."""
    folder = Path(data)
    return store.folder_id(folder, "*.parquet") if folder.exists() else hub.revision("dataset", data)
