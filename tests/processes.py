"""Stages and scripts in real processes that start at once, as forks of a server that has imported torch.

A fresh interpreter takes seconds to do so; tests of imports and of `python -m asap` itself start one.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from asap import pool

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["asap.align.loop", "asap.bench.drawing", "asap.pairs.making"])
REAL = pool._once


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


class Running:
    """A process that was started; what it prints is read when it has ended."""

    def __init__(
        self, work: Callable[..., None], words: Iterable[object], cwd: Path | None, env: Any
    ) -> None:
        self._folder = TemporaryDirectory()
        place = cwd or Path.cwd(), {**os.environ, **(env or {})}, Path(self._folder.name)
        self.process = CONTEXT.Process(target=_enter, args=(work, [str(word) for word in words], *place))
        self.process.start()
        self.pid = self.process.pid or 0

    def ends(self, how: signal.Signals | None = None) -> Done:
        """Its end, by itself or by a signal."""
        if how is not None:
            os.kill(self.pid, how)
        self.process.join()
        out, err = ((Path(self._folder.name) / name).read_text() for name in ("out", "err"))
        self._folder.cleanup()
        return Done(self.process.exitcode or 0, out, err)

    def ends_when(self, there: Callable[[], bool], how: signal.Signals = signal.SIGKILL) -> Done:
        """Its end by a signal as soon as something is there; fails where it ends before."""
        while not there():
            assert self.process.is_alive(), self.ends().stderr
            time.sleep(0.01)
        return self.ends(how)


def start(*words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Running:
    """`asap WORDS` in a process of its own."""
    return Running(_stage, words, cwd, env)


def asap(*words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """What comes of `asap WORDS`."""
    return start(*words, cwd=cwd, env=env).ends()


def script(*words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Done:
    """What comes of `python WORDS`, the first of which is a script."""
    return Running(_script, words, cwd, env).ends()


def killed(place: str, call: int, *words: object) -> Done:
    """`asap WORDS`, killed (SIGKILL) as it calls the function `place` for the `call`th time."""
    done = Running(_killed, [place, call, *words], None, None).ends()
    assert done.returncode == -signal.SIGKILL, done
    return done


def two(*words: object, env: Mapping[str, str] | None = None) -> list[Done]:
    """`asap WORDS` in two processes with what torchrun and Accelerate tell theirs."""
    return both(_stage, *words, env=env)


def both(work: Callable[..., None], *words: object, env: Mapping[str, str] | None = None) -> list[Done]:
    """`work(WORDS)` in two processes that can meet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "1", **(env or {})}
    ranks = [{"WORLD_SIZE": "2", "RANK": rank, "LOCAL_RANK": rank, **meeting} for rank in "01"]
    running = [Running(work, words, None, rank) for rank in ranks]
    return [process.ends() for process in running]


def once(
    work: Callable[[Any], Any], left: dict[int, Any], workers: int, gpus: Sequence[str]
) -> Iterator[tuple[int, Any]]:
    """In the place of `asap.pool._once`: a pool of one process works here, where all is imported.

    What would be sent to that process must be fit for it. Pools of more are as ever.
    """
    if workers > 1 or gpus:
        yield from REAL(work, left, workers, gpus)
        return
    for index, item in list(left.items()):
        ForkingPickler.dumps((work, item))
        yield index, work(item)


def stop() -> None:
    """End the server."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _enter(work: Callable[..., None], words: list[str], cwd: Path, env: dict[str, str], folder: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    pool._once = once
    work(*words)


def _stage(*words: str) -> None:
    from asap.cli import main

    sys.argv = ["asap", *words]
    sys.exit(main())


def _script(path: str, *words: str) -> None:
    sys.argv = [path, *words]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


def _killed(place: str, call: str, *words: str) -> None:
    where, _, name = place.rpartition(".")
    module, calls = importlib.import_module(where), 0
    real = getattr(module, name)

    def counting(*args: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(call):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **settings)

    setattr(module, name, counting)
    _stage(*words)
