"""What a page of results is made of, and the page: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from asap import __version__
from asap.bench.page.pictures import GalleryRow

FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Table:
    """A header and rows of texts; the first column names, the others hold numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A part of the page, shown in this order: title, text, figures, table, gallery, commands, note.

    All texts are escaped; `figures` are `Markup`, made with `charts` or escaped by their maker. With
    `filters` (a kind of tag -> its values) the gallery can be narrowed down where the page runs its script.
    With `beside` the table stands next to the figures where there is room.
    """

    title: str
    text: str = ""
    figures: Sequence[Markup] = ()
    table: Table | None = None
    gallery: Sequence[GalleryRow] = ()
    commands: Sequence[str] = ()
    note: str = ""
    filters: Mapping[str, Sequence[str]] | None = None
    beside: bool = False

    @property
    def anchor(self) -> str:
        """The title as an address within the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "part"


@dataclass(frozen=True)
class Tile:
    """A number of the headline, with what it is and how sure it is."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Check:
    """A reason to trust the numbers ("good"), to be careful ("bad"), or something nobody knows ("open")."""

    kind: Literal["good", "bad", "open"]
    text: str


@dataclass(frozen=True)
class Page:
    """All that a page shows.

    Attributes:
        verdict: the result in one short sentence.
        lead: the result in a few, with its numbers.
        facts: name and value of what was compared.
        beside: what else holds the same numbers, in a sentence.
    """

    title: str
    verdict: str = ""
    lead: str = ""
    tiles: Sequence[Tile] = ()
    checks: Sequence[Check] = ()
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()
    beside: str = ""


def render(page: Page) -> str:
    """The page as HTML. A picture that stands in it twice is held once."""
    script, styles = (_text(name) for name in ("report.js", "report.css"))
    held: set[str] = set()

    def first(name: str) -> bool:
        known = name in held
        held.add(name)
        return not known

    template = _environment().get_template("report.html")
    policy = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        page=page,
        anchors=anchors(page.sections),
        script=Markup(script),
        styles=Markup(styles),
        policy=policy,
        first=first,
        version=__version__,
    )


def anchors(sections: Sequence[Section]) -> list[str]:
    """An address for each section, none twice."""
    found: list[str] = []
    for section in sections:
        taken = sum(name == section.anchor or name.startswith(f"{section.anchor}-again") for name in found)
        found.append(section.anchor + (f"-again-{taken}" if taken else ""))
    return found


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["quiet"] = quiet
    return environment


def quiet(cell: Any) -> Markup:
    """A table's cell, with an interval in brackets set back behind its number."""
    number, bracket, rest = str(cell).partition(" (")
    if not bracket or (not number[-1:].isdigit() and number[-1:] not in "%–∞"):
        return escape(cell)
    return Markup('{} <span class="interval">({}</span>').format(number, rest)
