"""The journal: what was added is there once, whatever is sent twice, undone or killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asap.errors import UserError
from asap.web import journal
from asap.web.journal import Answer, Journal

ADDING = """
import sys
from pathlib import Path
from asap.web.journal import Answer, Journal
kept, first = Journal(Path(sys.argv[1])), int(sys.argv[2])
for number in range(first, first + 100000):
    kept.add(Answer(f"k{number}", f"item {number % 7}", "ana", "keep"))
    print(number, flush=True)
"""


@pytest.fixture
def kept(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "reviews.sqlite")


def words(path: Path) -> dict[tuple[str, str], str]:
    return {(answer.item, answer.person): answer.word for answer in journal.standing(path)}


def test_the_last_answer_counts_and_an_undo_brings_back_the_one_before(kept: Journal) -> None:
    kept.add(Answer("1", "a", "ana", "keep"))
    kept.add(Answer("2", "a", "ben", "reject", seconds=1.5))
    kept.add(Answer("3", "a", "ana", "wrong label", "extra nose"))
    assert words(kept.path) == {("a", "ana"): "wrong label", ("a", "ben"): "reject"}
    kept.add(Answer("4", "a", "ana", "", undoes="3"))
    assert words(kept.path) == {("a", "ana"): "keep", ("a", "ben"): "reject"}
    kept.add(Answer("5", "a", "ana", "", undoes="1"))
    assert words(kept.path) == {("a", "ben"): "reject"}
    assert [entry.answer.word for entry in kept.entries()] == ["keep", "reject", "wrong label", "", ""]
    assert [entry.number for entry in kept.entries(after=3)] == [4, 5]
    assert kept.people() == ["ana", "ben"]


def test_the_same_key_is_the_same_answer(kept: Journal) -> None:
    first = kept.add(Answer("1", "a", "ana", "keep"))
    assert kept.add(Answer("1", "a", "ana", "keep")) == first
    assert kept.add(Answer("2", "a", "ana", "", undoes="1")) == kept.add(
        Answer("2", "a", "ana", "", undoes="1")
    )
    assert len(kept.entries()) == 2
    with pytest.raises(ValueError, match="another answer"):
        kept.add(Answer("1", "b", "ana", "keep"))


@pytest.mark.parametrize("undoes", ["1", "2", "never"])
def test_only_ones_own_live_answers_can_be_undone(kept: Journal, undoes: str) -> None:
    kept.add(Answer("1", "a", "ben", "keep"))
    kept.add(Answer("2", "a", "ana", "keep"))
    kept.add(Answer("3", "a", "ana", "", undoes="2"))
    with pytest.raises(ValueError, match="no such answer"):
        kept.add(Answer("4", "a", "ana", "", undoes=undoes))
    assert len(kept.entries()) == 3


def test_killed_at_any_moment_it_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    path, told, luck = tmp_path / "reviews.sqlite", [], random.Random(0)
    for round_ in range(3):
        adding = subprocess.Popen(
            [sys.executable, "-c", ADDING, str(path), str(round_ * 100000)],
            stdout=subprocess.PIPE, text=True, env=os.environ,
        )  # fmt: skip
        assert adding.stdout is not None
        told += [int(adding.stdout.readline()) for _ in range(2)]
        time.sleep(luck.uniform(0.02, 0.2))
        adding.send_signal(signal.SIGKILL)
        told += [int(line) for line in adding.communicate()[0].split("\n")[:-1] if line]
    found = [int(entry.answer.key[1:]) for entry in Journal(path).entries()]
    assert len(found) == len(set(found)) and set(told) <= set(found) and len(told) > 3
    assert len(found) - len(told) <= 3  # at most the one under way at each kill
    assert [name.name for name in tmp_path.iterdir() if "-wal" in name.name] == []


def test_two_processes_and_several_threads_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    both = [Journal(path), Journal(path)]

    def add(worker: int) -> None:
        for number in range(10):
            both[worker % 2].add(Answer(f"{worker}-{number}", str(number), f"p{worker}", "keep"))

    threads = [threading.Thread(target=add, args=[worker]) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.standing(path)) == 40


def test_what_is_no_journal_is_told_in_one_line(tmp_path: Path) -> None:
    assert journal.standing(tmp_path / "missing") == []
    path = tmp_path / "reviews.sqlite"
    path.write_text("no database at all, " * 100)
    for opening in (Journal, journal.standing):
        with pytest.raises(UserError, match=r"reviews\.sqlite: .*not a database"):
            opening(path)
    path.unlink()
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE other (a)")
    with pytest.raises(UserError, match="another version"):
        journal.standing(path)
