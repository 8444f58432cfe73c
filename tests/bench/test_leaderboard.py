"""The leaderboard file, and how it is shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asap.bench import board, leaderboard, report
from asap.errors import UserError
from bench_runs import write_run


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_result_stands_once_and_is_replaced_in_its_place(tmp_path: Path) -> None:
    base, method = (write_run(tmp_path / n, v) for n, v in {"base": "eeec" * 5, "asap": "ecce" * 5}.items())
    config = report.Config(
        (f"base={base}", f"asap={method}"), tmp_path / "r", leaderboard=tmp_path / "l.jsonl"
    )
    report.run(config)
    first = rows_of(tmp_path / "l.jsonl")
    assert [row["name"] for row in first] == ["base", "asap"]
    assert first[1]["aer"] == 0.5 and first[1]["rsi"] == 1.5 and first[0]["rsi"] is None
    text = (method / "judgements.jsonl").read_text()  # one image was judged again
    (method / "judgements.jsonl").write_text(text.replace('"error"', '"correct"', 1))
    report.run(config)
    again = rows_of(tmp_path / "l.jsonl")
    assert [row["id"] for row in again] == [row["id"] for row in first]
    assert again[1]["aer"] == 0.45 and again[0] == first[0]


def test_other_judges_and_prompts_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    runs = {
        "a": ("ec" * 20, {}),
        "b": ("eeec" * 10, {}),
        "other judge": ("cccc" * 10, {"judge": "figures"}),
        "other prompts": ("cccc" * 10, {"text": "foot {}"}),
    }
    for name, (letters, more) in runs.items():
        folder = write_run(tmp_path / name, letters, **more)  # type: ignore[arg-type]
        report.run(report.Config((f"{name}={folder}",), tmp_path / "r" / name, leaderboard=file))
    groups = leaderboard.groups(board.read(file))
    assert sorted([row["name"] for row in group] for group in groups) == [
        ["a", "b"],
        ["other judge"],
        ["other prompts"],
    ]
    assert leaderboard.ranks(groups[0]) == ["1 to 2", "1 to 2"]  # the intervals of 50% and 75% of 40 meet
    text = leaderboard.run(leaderboard.Config(file, tmp_path / "page" / "board.html"))
    page = (tmp_path / "page" / "board.html").read_text()
    assert "groups that do not compare" in page and page.count("<section") == 3
    assert "| a | 1 to 2 | 50.0% |" in text
    assert "| – | – |" in text  # a base is against nothing
    leaderboard.run(leaderboard.Config(file, tmp_path / "board.md"))
    assert (tmp_path / "board.md").read_text().startswith("# Leaderboard")
    with pytest.raises(UserError, match=r"ends in \.html or \.md"):
        leaderboard.run(leaderboard.Config(file, tmp_path / "board.txt"))


def test_ranks_are_what_intervals_leave_open() -> None:
    ends = [(0.1, 0.2), (0.15, 0.3), (0.25, 0.4), (0.5, 0.6)]
    rows = [{"aer_interval": list(pair)} for pair in ends]
    assert leaderboard.ranks(rows) == ["1 to 2", "1 to 3", "2 to 3", "4"]


def test_reports_that_end_at_once_lose_no_row(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from asap.bench import board\n"
        "for n in range(20): board.add(Path(sys.argv[1]), [{**dict.fromkeys(board.NEEDED, 0),"
        " 'id': f'{sys.argv[2]}-{n}'}])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "l.jsonl")]
    running = [subprocess.Popen([*command, str(n)]) for n in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert len({row["id"] for row in rows_of(tmp_path / "l.jsonl")}) == 40


def test_what_is_no_leaderboard_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; `asap report"):
        leaderboard.run(leaderboard.Config(tmp_path / "none.jsonl"))
    with pytest.raises(UserError, match="is a folder; name a file"):
        leaderboard.run(leaderboard.Config(tmp_path))
    (tmp_path / "l.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(UserError, match="line 1: not a row of a leaderboard"):
        leaderboard.run(leaderboard.Config(tmp_path / "l.jsonl"))
