"""The labelled set: hands that the embedded models drew, labelled correct or wrong by eye.

`hands.png` holds them as tiles of 24 x 24, row by row; `hands.jsonl` one row for each: id, text, gesture,
model, label_a and label_b (of two labellers), label (the one that counts). A label is "correct", "error" or
"unsure".
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
from asap.store import Row, content_id, file_id, read_rows

FOLDER = Path(__file__).parent
SIZE = 24
LABELS = ("correct", "error", "unsure")
KEYS = ("id", "text", "gesture", "model", "label_a", "label_b", "label")


@dataclass(frozen=True, eq=False)
class Labelled:
    """N labelled hands: `pictures` (N, 24, 24, 3), the `rows` of `hands.jsonl`, an `id` of both files."""

    pictures: NDArray[np.uint8]
    rows: Sequence[Row]
    id: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def gestures(self) -> list[str]:
        return [row["gesture"] for row in self.rows]

    def sure(self, key: str = "label") -> NDArray[np.bool_]:
        """Of each hand, whether its label under `key` is not "unsure"; (N,)."""
        return np.array([row[key] != "unsure" for row in self.rows], dtype=bool)

    def wrong(self, key: str = "label") -> NDArray[np.bool_]:
        """Of each hand, whether its label under `key` is "error"; (N,)."""
        return np.array([row[key] == "error" for row in self.rows], dtype=bool)

    def labellers(self) -> Agreement:
        """The two labellers against each other, where neither is unsure."""
        sure = self.sure("label_a") & self.sure("label_b")
        return agreement(self.wrong("label_a")[sure].tolist(), self.wrong("label_b")[sure].tolist())


def there(folder: Path = FOLDER) -> bool:
    """Whether there is a labelled set."""
    return (folder / "hands.png").is_file() and (folder / "hands.jsonl").is_file()


def read(folder: Path = FOLDER) -> Labelled:
    """The labelled set in `folder`.

    Raises:
        UserError: no set, a row that is none, or fewer tiles than rows.
    """
    if not there(folder):
        raise UserError(f"{folder}: no hands.png and hands.jsonl there; give the folder of a labelled set")
    rows = list(read_rows(folder / "hands.jsonl"))
    for number, row in enumerate(rows, 1):
        _check(row, f"{folder / 'hands.jsonl'} line {number}")
    with Pillow.open(folder / "hands.png") as file:
        cut = tiles(np.asarray(file.convert("RGB")))
    if len(cut) < len(rows):
        raise UserError(f"{folder / 'hands.png'} has {len(cut)} tiles for {len(rows)} rows; make it anew")
    identity = content_id(file_id(folder / "hands.png"), file_id(folder / "hands.jsonl"))
    return Labelled(cut[: len(rows)], rows, identity)


def _check(row: Row, where: str) -> None:
    lost = [key for key in KEYS if not isinstance(row.get(key), str)]
    if lost:
        raise UserError(f'{where}: "{lost[0]}" should be a text')
    odd = [row[key] for key in KEYS if key.startswith("label") and row[key] not in LABELS]
    if odd:
        raise UserError(f"{where}: no label {odd[0]!r}; write one of {', '.join(LABELS)}")


def tiles(mosaic: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The tiles (R * C, 24, 24, 3) of a mosaic (24 R, 24 C, 3), row by row; no rest at its edges."""
    rows, columns = mosaic.shape[0] // SIZE, mosaic.shape[1] // SIZE
    whole = mosaic[: rows * SIZE, : columns * SIZE].reshape(rows, SIZE, columns, SIZE, 3)
    return np.ascontiguousarray(whole.transpose(0, 2, 1, 3, 4).reshape(-1, SIZE, SIZE, 3))
