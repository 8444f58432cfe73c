"""The tables of a page for other documents, from the same records: Markdown, and LaTeX with booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from asap import __version__
from asap.bench.page import Page, Section, Table, anchors

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": r"$-$",
    "–": "--",
    "[": "{[}",
    "∞": r"$\infty$",
    "“": "``",
    "”": "''",
}
SIGNS = {"good": "✓", "bad": "!", "open": "–"}


def markdown(page: Page) -> str:
    """The page without its pictures, as Markdown."""
    parts = [
        f"# {_plain(page.title)}",
        f"**{_plain(page.verdict)}**" if page.verdict else "",
        _plain(page.lead),
    ]
    if page.tiles:
        rows = [(tile.name, tile.value, tile.detail) for tile in page.tiles]
        parts.append(markdown_table(Table(("headline", "", ""), rows)))
    parts.append("\n".join(f"- {SIGNS[check.kind]} {_plain(check.text)}" for check in page.checks))
    parts.append("\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in page.facts))
    parts += [part for section in page.sections for part in _markdown_section(section)]
    parts.append(f"Made by asap {__version__}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_section(section: Section) -> list[str]:
    if not (section.text or section.table or section.commands or section.note):
        return []
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", "\n".join(section.commands))), default=0))
    return [
        f"## {_plain(section.title)}",
        _plain(section.text),
        markdown_table(section.table) if section.table else "",
        "\n".join((f"{fence}console", *section.commands, fence)) if section.commands else "",
        _plain(section.note),
    ]


def markdown_table(table: Table) -> str:
    """One table as Markdown."""
    rule = "|---|" + "---:|" * (len(table.header) - 1)
    return "\n".join([_markdown_row(table.header), rule, *map(_markdown_row, table.rows)])


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Text that no reader of Markdown takes for markup."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def latex(page: Page) -> str:
    """Every table of the page as a float of its own; needs the package booktabs."""
    named = zip(page.sections, anchors(page.sections), strict=True)
    tables = [_latex_table(section, section.table, name) for section, name in named if section.table]
    head = f"% {_comment(page.title)}: made by asap {__version__}. Needs \\usepackage{{booktabs}}."
    return "\n\n".join([head, *tables]) + "\n"


def _comment(text: str) -> str:
    return " ".join(text.split())


def _latex_table(section: Section, table: Table, name: str) -> str:
    columns = "l" + "r" * (len(table.header) - 1)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaped(section.title)}}}",
            rf"\label{{tab:{name}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _latex_row(table.header),
            r"\midrule",
            *map(_latex_row, table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"


def escaped(text: str) -> str:
    """Text that LaTeX sets as it stands."""
    return "".join(LATEX.get(letter, letter) for letter in " ".join(text.split()))
