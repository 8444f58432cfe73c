"""The table of stages and the way mistakes are told."""

from __future__ import annotations

import subprocess
import sys

import pytest

import processes
from asap import cli


def asap(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "asap", *args], capture_output=True, text=True, check=False)


def test_help_lists_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {stage}" in shown for stage in cli.STAGES)


def test_version() -> None:
    assert asap("--version").stdout == "asap 0.1.0\n"


def test_a_mistyped_stage_is_one_line_with_a_hint() -> None:
    done = asap("biuld")
    assert done.returncode == 2
    assert done.stderr == "asap: no stage named 'biuld'; did you mean `asap build`?\n"


@pytest.mark.parametrize("stage", sorted(cli.STAGES))
def test_every_stage_explains_itself(stage: str) -> None:
    done = processes.asap(stage, "--help")
    assert done.returncode == 0 and f"usage: asap {stage} " in done.stdout


def test_a_user_s_mistake_shows_no_traceback() -> None:
    done = processes.asap("train", "--model", "/nowhere", "--data", "/nowhere", "--out", "/tmp/asap-never")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "nowhere" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["train"], "stopped after 3 of 5 steps; the same command continues where this stopped"),
        (["train", "--help"], "interrupted"),
    ],
)
def test_an_interruption_is_told(
    args: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt("stopped after 3 of 5 steps")

    monkeypatch.setattr(cli, "_run", interrupt)
    assert cli.main(args) == 130
    assert capsys.readouterr().err == f"\nasap: {told}\n"


def test_nobody_reading_what_is_printed_is_no_mistake_but_another_pipe_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [sys.executable, "-m", "asap", "recipes"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait() == 141 and told == ""

    def broken(*_: object) -> int:
        raise BrokenPipeError("a worker has left")

    monkeypatch.setattr(cli, "_run", broken)
    with pytest.raises(BrokenPipeError, match="a worker has left"):
        cli.main(["train"])
