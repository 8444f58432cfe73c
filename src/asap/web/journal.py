"""A journal of people's answers in SQLite: nothing is ever changed or removed, an undo is one more entry.

An answer is on the disk when `add` returns (`synchronous=FULL`). Its key is chosen by who sends it, so that
one that is sent again, because no reply came, is the same answer and counts once. The file is one file
(no write-ahead log beside it), so that a copy of it is whole; several processes may use it at once.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from asap.errors import UserError

EDITION = 1
WAIT = 10.0  # seconds that one process waits for another to finish writing
LIVE = "undoes IS NULL AND key NOT IN (SELECT undoes FROM answers WHERE undoes IS NOT NULL)"
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    item TEXT NOT NULL,
    person TEXT NOT NULL,
    word TEXT NOT NULL,
    detail TEXT,
    seconds REAL,
    undoes TEXT UNIQUE REFERENCES answers (key),
    time TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS answers_of ON answers (item, person);
"""


class Answer(NamedTuple):
    """What one person said of one item.

    Attributes:
        key: chosen by who sends it; equal keys are one answer.
        item: what was asked about, such as a pair's id.
        person: who answered.
        word: the answer; "" for an undo.
        detail: what belongs to the word, such as the right name of an error.
        seconds: how long the item was looked at, where that is known.
        undoes: the key of the same person's answer that this takes back.
    """

    key: str
    item: str
    person: str
    word: str
    detail: str | None = None
    seconds: float | None = None
    undoes: str | None = None


class Entry(NamedTuple):
    """An answer as it stands in the journal, with its number and the time (UTC, ISO 8601) it came."""

    number: int
    time: str
    answer: Answer


class Journal:
    """The journal in the file `path`, made if missing. Its methods may be called from several threads.

    Raises:
        UserError: the file is no journal, or cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._turn = path, threading.Lock()
        with _told(path):
            self._base = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            _check_edition(path, self._base)
            self._base.execute("PRAGMA journal_mode = DELETE")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.executescript(f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {EDITION}; COMMIT;")

    def add(self, answer: Answer) -> int:
        """Put the answer on the disk, once however often it is sent; returns its number.

        Raises:
            ValueError: the same key stands for another answer, or there is nothing that it could undo.
        """
        with self._turn, _told(self.path), self._writing():
            known = self._base.execute(
                "SELECT number, item, person, word, undoes FROM answers WHERE key = ?", [answer.key]
            ).fetchone()
            if known:
                if known[1:] != (answer.item, answer.person, answer.word, answer.undoes):
                    raise ValueError("this key stands for another answer")
                return int(known[0])
            if answer.undoes is not None:
                self._check_undo(answer)
            marks = ", ".join("?" * (len(Answer._fields) + 1))
            row = self._base.execute(
                f"INSERT INTO answers ({', '.join(Answer._fields)}, time) VALUES ({marks})",
                [*answer, datetime.now(UTC).isoformat(timespec="milliseconds")],
            )
            return int(row.lastrowid or 0)

    def entries(self, after: int = 0, most: int = 5000) -> list[Entry]:
        """The first `most` entries whose number is above `after`, in order, undos among them."""
        columns = ", ".join(Answer._fields)
        with self._turn, _told(self.path):
            rows = self._base.execute(
                f"SELECT number, time, {columns} FROM answers WHERE number > ? ORDER BY number LIMIT ?",
                [after, most],
            ).fetchall()
        return [Entry(number, time, Answer(*rest)) for number, time, *rest in rows]

    def people(self) -> list[str]:
        """Who has answered so far, in alphabetical order."""
        with self._turn, _told(self.path):
            rows = self._base.execute("SELECT DISTINCT person FROM answers ORDER BY person").fetchall()
        return [person for (person,) in rows]

    def standing(self) -> list[Answer]:
        """The answers that count: of each person and item the last one that was not undone."""
        with self._turn, _told(self.path):
            return _standing(self._base)

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._base.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _check_undo(self, answer: Answer) -> None:
        found = self._base.execute(
            f"SELECT 1 FROM answers WHERE key = ? AND item = ? AND person = ? AND {LIVE}",
            [answer.undoes, answer.item, answer.person],
        ).fetchone()
        if not found:
            raise ValueError("there is no such answer to undo")


def standing(path: Path) -> list[Answer]:
    """The answers that count (`Journal.standing`) in the file `path`, which is only read; none where it is
    missing.

    Raises:
        UserError: the file is no journal.
    """
    if not path.exists():
        return []
    with _told(path):
        base = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
        try:
            _check_edition(path, base)
            return _standing(base) if base.execute("PRAGMA user_version").fetchone()[0] else []
        finally:
            base.close()


def _standing(base: sqlite3.Connection) -> list[Answer]:
    columns = ", ".join(Answer._fields)
    # of a group SQLite takes the bare columns from the row that has the maximum
    rows = base.execute(
        f"SELECT {columns}, max(number) FROM answers WHERE {LIVE} GROUP BY item, person ORDER BY 8"
    )
    return [Answer(*row[:-1]) for row in rows]


def _check_edition(path: Path, base: sqlite3.Connection) -> None:
    edition = base.execute("PRAGMA user_version").fetchone()[0]
    tables = base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if edition != EDITION and (edition or tables):
        raise UserError(f"{path} was made by another version of asap; use that one, or move the file away")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the file as one line for the user."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: {error}; check the disk and your rights, or move the file away") from None
