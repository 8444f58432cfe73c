"""The report's page: sections of text, tables and figures in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from asap import __version__
from asap.bench.page.pictures import GalleryRow


@dataclass(frozen=True)
class Table:
    """A header and rows of texts; the first column names, the others hold numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A part of the page, shown in this order: title, text, figures, table, gallery, commands, note.

    All texts are escaped; `figures` are `Markup`, made with `charts` or escaped by their maker.
    """

    title: str
    text: str = ""
    figures: Sequence[Markup] = ()
    table: Table | None = None
    gallery: Sequence[GalleryRow] = ()
    commands: Sequence[str] = ()
    note: str = ""


def render(
    title: str,
    lead: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    cautions: Sequence[str] = (),
) -> str:
    """The page as HTML.

    Args:
        lead: the result in a sentence or two.
        facts: name and value, shown in a line under the lead.
        cautions: sentences that stand out between the two.
    """
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("report.html")
    return template.render(
        title=title, lead=lead, facts=facts, sections=sections, cautions=cautions, version=__version__
    )
