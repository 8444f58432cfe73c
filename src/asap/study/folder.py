"""A study on the disk: its plan, made once, the pictures as raters get them, and the journal of answers.

STUDY/config.json        what the study was made from
STUDY/plan.json          who is asked what; raters' links; for the study's owner alone
STUDY/pictures/ID.png    pixels alone, under names that tell nothing
STUDY/answers.sqlite     the answers (`asap.web.journal`)
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asap.errors import UserError
from asap.store import Row, content_id, read_config, to_json, write_atomic
from asap.study.plan import Kind, Role

PLAN = "plan.json"
PICTURES = "pictures"
ANSWERS = "answers.sqlite"
CONSENT = "consent"
JOINED = "joined"
"""Items of the journal that are no questions: a rater's consent, and a place given out on the join page."""


@dataclass(frozen=True)
class Item:
    """One question, whoever is asked it.

    Attributes:
        kind: "rate" for one picture, "vote" for two.
        role: "study", "obvious" or "gold".
        pictures: their ids.
        samples: of "study": for each picture "folder" (its number), "id", "prompt_id", "seed", "category".
        truth: the known answer ("correct", "error"; "first", "second"), or None.
    """

    kind: Kind
    role: Role
    pictures: tuple[str, ...]
    samples: tuple[Row, ...] = ()
    truth: str | None = None


@dataclass(frozen=True)
class Asked:
    """A question as one rater gets it; `id` is all that the rater's browser knows of it."""

    id: str
    item: str
    role: Role
    swapped: bool


@dataclass(frozen=True)
class Rater:
    """A rater: the name in the journal, what opens the page, what opens the offline file, what tells that all
    is done, the questions."""

    name: str
    token: str
    code: str
    completion: str
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Study:
    """The plan of a study.

    Attributes:
        id: opaque; stands in offline answers.
        title, instructions, parts: what raters read, and the parts they may name.
        folders: of the images: "name", "path", "images_id".
        sizes: (width, height) of each picture by its id.
        items: by key, which never leaves the plan.
        raters: in order.
    """

    id: str
    title: str
    instructions: str
    parts: tuple[str, ...]
    folders: tuple[Row, ...]
    sizes: dict[str, tuple[int, int]]
    items: dict[str, Item]
    raters: tuple[Rater, ...]

    def shown(self, rater: Rater) -> Row:
        """All that a rater's browser is told of the study: texts, and questions by opaque ids."""
        return {
            "study": self.id,
            "title": self.title,
            "instructions": self.instructions,
            "parts": list(self.parts),
            "rater": rater.code,
            "asked": [self._question(asked) for asked in rater.asked],
        }

    def _question(self, asked: Asked) -> Row:
        item = self.items[asked.item]
        order = item.pictures[::-1] if asked.swapped else item.pictures
        shown = [{"id": picture, "size": list(self.sizes[picture])} for picture in order]
        return {"id": asked.id, "kind": item.kind, "pictures": shown}

    def truth(self, asked: Asked) -> str | None:
        """The known answer of a question, in the words of `resolved`."""
        return self.items[asked.item].truth


def resolved(asked: Asked, word: str) -> str:
    """A rater's word freed of sides: of a vote "first", "tie" or "second", in the item's own order."""
    sides = {"a": "first", "b": "second"} if not asked.swapped else {"a": "second", "b": "first"}
    return sides.get(word, word)


def opaque(secret: str, *parts: object) -> str:
    """An id that tells nothing of `parts` to those who do not know the study's secret."""
    return content_id(secret, *parts)


def new_secret() -> str:
    """A secret, or a rater's token, that nobody guesses: 144 bits of chance."""
    return secrets.token_urlsafe(18)


def save(folder: Path, study: Study) -> None:
    """Write the plan, for the owner's eyes."""
    write_atomic(folder / PLAN, to_json(study) + "\n")
    (folder / PLAN).chmod(0o600)


def load(folder: Path) -> Study:
    """The plan of the study in `folder`.

    Raises:
        UserError: no study, an unfinished one, or a damaged plan.
    """
    if read_config(folder).get("stage") != "study":
        raise UserError(f"{folder} was not made by `asap study`; give a study's folder")
    path = folder / PLAN
    if not path.is_file():
        raise UserError(f"{folder}: the study is not finished; run the same `asap study` again")
    try:
        return _study(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); take it from a copy, or make the study anew") from None


def _study(row: Row) -> Study:
    items = {key: _item(item) for key, item in row["items"].items()}
    raters = tuple(_rater(rater) for rater in row["raters"])
    sizes = {key: (int(size[0]), int(size[1])) for key, size in row["sizes"].items()}
    plain: dict[str, Any] = {name: row[name] for name in ("id", "title", "instructions")}
    return Study(
        **plain,
        parts=tuple(row["parts"]),
        folders=tuple(row["folders"]),
        sizes=sizes,
        items=items,
        raters=raters,
    )


def _item(row: Row) -> Item:
    return Item(**{**row, "pictures": tuple(row["pictures"]), "samples": tuple(row["samples"])})


def _rater(row: Row) -> Rater:
    return Rater(**{**row, "asked": tuple(Asked(**asked) for asked in row["asked"])})
