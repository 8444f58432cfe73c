"""Answers that models gave, kept as they came, so that no question is paid for twice.

A file has one writer, the run whose folder it belongs to; the answers of all files in the folder are read
when a run begins. So runs may share a folder while they work, and a kill costs the answers under way alone
(a power cut those of some seconds before, too).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from asap.store import Row, append_rows, content_id, read_rows

KEPT = ("answered", "refused")
"""The outcomes that are answers; others are noted in the file, for what they cost, and asked again."""


class Answers:
    """The answers in a folder by the id of their question; safe to share between threads."""

    def __init__(self, folder: Path, run: Path) -> None:
        """The answers in `folder`, to which those of the run in the folder `run` are added."""
        same = folder.resolve() == run.resolve()
        name = "answers.jsonl" if same else f"answers-{content_id(str(run.resolve()))}.jsonl"
        self.path = folder / name
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._waiting: list[Row] = []
        self._known = {
            row["id"]: row
            for path in sorted(folder.glob("answers*.jsonl"))
            for row in read_rows(path)
            if row.get("outcome") in KEPT and "id" in row
        }

    def get(self, id_: str) -> Row | None:
        """The row of the question `id_`, if it was answered or refused."""
        with self._lock:
            return self._known.get(id_)

    def add(self, row: Row) -> None:
        """Write `row` ("id", "outcome", ...) to the file and remember it.

        Rows that other threads bring while one is being written go there together.
        """
        with self._lock:
            self._waiting.append(row)
            if row["outcome"] in KEPT:
                self._known[row["id"]] = row
        with self._writing:
            with self._lock:
                rows, self._waiting = self._waiting, []
            if rows:  # else a thread before this one wrote it
                append_rows(self.path, rows, sync=False)  # a thread would wait for the disk at each answer

    def own(self) -> Iterator[Row]:
        """All rows that this run has written, in this process or before."""
        return read_rows(self.path)
