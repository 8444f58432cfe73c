"""What a study is to be, and what is collected while it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asap.records import Image
from asap.study import pictures
from asap.study.folder import PICTURES, Item, new_secret, opaque

Task = Literal["rate", "vote", "both"]


@dataclass(frozen=True)
class Wanted:
    """What a study is to be; see the options of `asap study`."""

    task: Task
    per_rater: int
    raters_per_item: int
    raters: int
    units: int
    attention: int
    golds: int
    seed: int
    title: str
    instructions: str
    parts: tuple[str, ...]


@dataclass
class Made:
    """What is collected on the way: items by key, and the pictures' sizes."""

    folder: Path
    secret: str = field(default_factory=new_secret)
    items: dict[str, Item] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def put(self, picture: Image, *source: object) -> str:
        """Write a picture; returns its opaque id."""
        name = opaque(self.secret, "picture", *source)
        pictures.write(self.folder / PICTURES / f"{name}.png", picture)
        self.sizes[name] = (picture.shape[1], picture.shape[0])
        return name
