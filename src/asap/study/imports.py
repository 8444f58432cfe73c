"""`asap study-import`: answers that raters gave in the offline file, into the study's journal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from asap import command
from asap.errors import UserError
from asap.study import answers, folder
from asap.study.folder import Study
from asap.web.journal import Answer, Entry, Journal
from asap.wording import counted

LARGEST = 32 << 20
"""Bytes of a file of answers."""


@dataclass(frozen=True)
class Config(command.Settings):
    """Take over the answers that raters downloaded from the offline file; a file given twice counts once."""

    study: tyro.conf.Positional[Path]
    """Folder of the study."""
    files: tyro.conf.Positional[tuple[Path, ...]]
    """What raters sent: answers-CODE.jsonl."""


def run(config: Config) -> Counter[str]:
    """Check all lines, then put those that are new into the journal; returns the new answers of each rater.

    Raises:
        UserError: no study, or a line that is no answer to it, by file and line; then nothing is taken over.
    """
    study = folder.load(config.study)
    if not config.files:
        raise UserError("give the files that raters sent: answers-CODE.jsonl")
    found = [entry for path in config.files for entry in read(path, study)]
    journal = Journal(config.study / folder.ANSWERS)
    try:
        return _added(journal, found)
    finally:
        journal.close()


def _added(journal: Journal, found: Sequence[tuple[str, Answer]]) -> Counter[str]:
    new, last = Counter[str](), max((entry.number for entry in _all(journal)), default=0)
    for where, answer in found:
        try:
            number = journal.add(answer)
        except ValueError as error:
            raise UserError(f"{where}: {error}; the file was changed by hand, or mixed up") from None
        if number > last:
            new[answer.person] += 1
            last = number
    return new


def _all(journal: Journal) -> Iterator[Entry]:
    after = 0
    while entries := journal.entries(after):
        yield from entries
        after = entries[-1].number


def read(path: Path, study: Study) -> Iterator[tuple[str, Answer]]:
    """The answers in a file, each with its place, consents among them.

    Raises:
        UserError: no such file, or a line that is no answer of one of the study's raters.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: too large for answers; give what the page downloaded")
    raters = {rater.code: rater for rater in study.raters}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        row = _object(line, where)
        if "study" not in row or "rater" not in row:
            raise UserError(f"{where}: no answer of a study; give what the offline page downloaded")
        if row["study"] != study.id:
            raise UserError(f"{where}: an answer to another study; give this study's files alone")
        rater = raters.get(str(row.get("rater")))
        if rater is None:
            raise UserError(f"{where}: no rater of this study has the code {str(row.get('rater'))[:20]!r}")
        try:
            yield where, answers.read(row, study, rater)
        except answers.Wrong as wrong:
            raise UserError(f"{where}: {wrong}") from None


def _object(line: bytes, where: str) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise UserError(f"{where}: not JSON; ask the rater to download the file again") from None
    if not isinstance(row, dict):
        raise UserError(f"{where}: expected a JSON object; ask the rater to download the file again")
    return row


def main(argv: Sequence[str]) -> None:
    """`asap study-import`."""
    config = command.parse(Config, argv, "study-import")
    new = run(config)
    each = "; ".join(f"{name} {count}" for name, count in sorted(new.items()))
    print(f"{counted(new.total(), 'new answer')}{f': {each}' if each else ''}")
