"""One process to a folder: real processes, really killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from asap import demo, store
from asap.align import pretrain, train
from asap.bench import generate, judge, report
from asap.errors import UserError
from asap.pairs import build, figures
from bench_runs import write_run

HOLD = (
    "import sys, time; from pathlib import Path; from asap import store\n"
    "with store.exclusive(Path(sys.argv[1])):\n    print('in', flush=True); time.sleep(600)"
)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works in `tmp_path/out`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "in\n"
        yield process
        process.kill()


def enter(folder: Path) -> None:
    with store.exclusive(folder):
        pass


def test_a_folder_is_one_process_s_until_that_is_killed(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(UserError, match=r"another asap process is working in .*/out; wait for it, or give"):
        enter(tmp_path / "out")
    enter(tmp_path / "beside")
    other.kill()
    other.wait()
    enter(tmp_path / "out")


def test_a_process_may_enter_again_and_leaves_the_folder_free(tmp_path: Path) -> None:
    with store.exclusive(tmp_path):
        with store.exclusive(tmp_path / ".." / tmp_path.name):
            pass
        done = subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], capture_output=True, text=True)
        assert "another asap process" in done.stderr  # leaving the inner one freed nothing
    with pytest.raises(ValueError, match="a failure"), store.exclusive(tmp_path):
        raise ValueError("a failure")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "in\n"
        process.kill()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="is a file, or lies below one"):
            enter(folder)


def test_a_run_that_fails_at_once_leaves_the_folder_to_other_settings(tmp_path: Path) -> None:
    def fail(setting: int, *, result: bool = False) -> None:
        with store.exclusive(tmp_path):
            store.open_run(tmp_path, "train", {"setting": setting})
            store.open_run(tmp_path / "latents", "latents", {"setting": setting})
            if result:
                store.write_atomic(tmp_path / "latents" / "pairs", "x")
            raise UserError("bad data")

    for setting in (1, 2):
        with pytest.raises(UserError, match="bad data"):
            fail(setting)
    with pytest.raises(UserError, match="bad data"):
        fail(3, result=True)
    with pytest.raises(UserError, match="setting was 3, now 4"):
        fail(4)


def test_settings_of_another_process_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 3}')
    with pytest.raises(UserError, match="not of asap"), store.exclusive(tmp_path):
        store.open_run(tmp_path, "train", {})
    assert (tmp_path / "config.json").exists()


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / ".a.png.k3j2.tmp").touch()
    (tmp_path / ".weights.x.tmp").mkdir()
    (tmp_path / ".weights.x.tmp" / "half").touch()
    (tmp_path / "kept.tmp").touch()
    enter(tmp_path)
    names = sorted(path.name for path in tmp_path.rglob("*"))
    assert names == [".lock", "images", "kept.tmp"]


def test_a_run_that_fails_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        with store.exclusive(folder):
            store.open_run(folder, "test", {"seed": 0})
            raise UserError("no")

    (tmp_path / "there").mkdir()
    for name in ("new", "there"):
        with pytest.raises(UserError, match="no"):
            fail(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]  # it was not made for the run
    assert [path.name for path in (tmp_path / "there").iterdir()] == [".lock"]


def _stages(tmp_path: Path, pairs: Path) -> dict[str, Callable[[], Path]]:
    out = tmp_path / "out"
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos" / "a.png")
    (tmp_path / "prompts.txt").write_text("a hand showing two, fair skin\n")
    judged = write_run(tmp_path / "run", "e", judge="figures")
    return {
        "build": lambda: build.run(build.Config(tmp_path / "photos", out)),
        "figures": lambda: figures.run(figures.Config(out, pairs=1)),
        "train": lambda: train.run(train.Config("mini-hand", str(pairs), out, tracker="none")),
        "generate": lambda: generate.run(generate.Config(tmp_path / "prompts.txt", out)),
        "judge": lambda: judge.run(judge.Config(tmp_path / "run" / "images", out)),
        "report": lambda: report.run(report.Config((str(judged),), out)),
        "demo": lambda: demo.run(demo.Config(out)),
        "pretrain": lambda: pretrain.run(pretrain.Config(out)),
    }


def test_every_stage_keeps_out_of_another_s_folder(
    tmp_path: Path, pairs: Path, other: subprocess.Popen[str]
) -> None:
    for name, run in _stages(tmp_path, pairs).items():
        with pytest.raises(UserError, match="another asap process is working"):
            run()
            pytest.fail(f"{name} worked in a folder that another process has")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
