"""The labelled sets: hands and people that the embedded models drew, labelled correct or wrong by eye.

`hands.png` holds tiles of 24 x 24, row by row; `hands.jsonl` one row for each: id, text, model, label_a and
label_b (of two labellers), label (the one that counts). A label is "correct", "error" or "unsure". The same
of `people`, in tiles of 64 x 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from asap.bench.corrected import Agreement, agreement
from asap.errors import UserError
from asap.records import Sample
from asap.store import Row, content_id, file_id, read_rows

FOLDER = Path(__file__).parent
SIZES = {"hands": 24, "people": 64}
"""Name of each set, and the pixels a side of its pictures."""
LABELS = ("correct", "error", "unsure")
KEYS = ("id", "text", "model", "label_a", "label_b", "label")


@dataclass(frozen=True, eq=False)
class Labelled:
    """N labelled pictures: the set's `name`, `pictures` (N, S, S, 3), the `rows` of its file, an `id` of both
    files."""

    name: str
    pictures: NDArray[np.uint8]
    rows: Sequence[Row]
    id: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def samples(self) -> list[Sample]:
        """Each as a sample that a judge takes."""
        return [
            Sample(id=row["id"], file_name=row["id"], text=row["text"], prompt_id="", category="", seed=0)
            for row in self.rows
        ]

    def sure(self, key: str = "label") -> NDArray[np.bool_]:
        """Of each picture, whether its label under `key` is not "unsure"; (N,)."""
        return np.array([row[key] != "unsure" for row in self.rows], dtype=bool)

    def wrong(self, key: str = "label") -> NDArray[np.bool_]:
        """Of each picture, whether its label under `key` is "error"; (N,)."""
        return np.array([row[key] == "error" for row in self.rows], dtype=bool)

    def labellers(self) -> Agreement:
        """The two labellers against each other, where neither is unsure."""
        sure = self.sure("label_a") & self.sure("label_b")
        return agreement(self.wrong("label_a")[sure].tolist(), self.wrong("label_b")[sure].tolist())


def there(name: str = "hands", folder: Path = FOLDER) -> bool:
    """Whether there is that labelled set."""
    return (folder / f"{name}.png").is_file() and (folder / f"{name}.jsonl").is_file()


def read(name: str = "hands", folder: Path = FOLDER) -> Labelled:
    """The labelled set `name` in `folder`.

    Raises:
        UserError: no such set, a row that is none, or fewer tiles than rows.
    """
    mosaic, table = folder / f"{name}.png", folder / f"{name}.jsonl"
    if not there(name, folder):
        raise UserError(
            f"{folder}: no {mosaic.name} and {table.name} there; give the folder of a labelled set"
        )
    rows = list(read_rows(table))
    for number, row in enumerate(rows, 1):
        _check(row, f"{table} line {number}")
    with Pillow.open(mosaic) as file:
        cut = tiles(np.asarray(file.convert("RGB")), SIZES[name])
    if len(cut) < len(rows):
        raise UserError(f"{mosaic} has {len(cut)} tiles for {len(rows)} rows; make it anew")
    return Labelled(name, cut[: len(rows)], rows, content_id(file_id(mosaic), file_id(table)))


def _check(row: Row, where: str) -> None:
    lost = [key for key in KEYS if not isinstance(row.get(key), str)]
    if lost:
        raise UserError(f'{where}: "{lost[0]}" should be a text')
    odd = [row[key] for key in KEYS if key.startswith("label") and row[key] not in LABELS]
    if odd:
        raise UserError(f"{where}: no label {odd[0]!r}; write one of {', '.join(LABELS)}")


def tiles(mosaic: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The tiles (R * C, S, S, 3) of a mosaic (S R, S C, 3), row by row; no rest at its edges."""
    rows, columns = mosaic.shape[0] // size, mosaic.shape[1] // size
    whole = mosaic[: rows * size, : columns * size].reshape(rows, size, columns, size, 3)
    return np.ascontiguousarray(whole.transpose(0, 2, 1, 3, 4).reshape(-1, size, size, 3))
