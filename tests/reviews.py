"""A dataset of many small pairs, and `asap review` on it as a process of its own, for tests of the page."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import hap
from asap.pairs.hap import dataset
from asap.store import Row

KINDS = 4


def rows(count: int, **changes: object) -> Iterator[Row]:
    """Rows of `count` pairs: a few pictures again and again, with ids and numbers of their own."""
    made = [hap.row(index) for index in range(KINDS)]
    for index in range(count):
        kind = made[index % KINDS]
        told = {
            "id": f"{index:016x}",
            "error": ("twisted mouth", "shifted eye")[index % 2],
            "part": ("face", "hand", "body")[index % 3],
            "detector": ("mediapipe", "dwpose")[index % 2],
            "ssim_inside": round((index * 37 % 101) / 101, 4),
        }
        yield kind | told | changes


def write(folder: Path, count: int, **changes: object) -> Path:
    dataset.write(folder, rows(count, **changes), title="HAP: a test", notes=["By hand."])
    return folder


class Server:
    """`asap review`, or another stage that serves a page, with what it printed and the address in it."""

    stage = "review"

    def __init__(self, words: Sequence[str], port: int = 0) -> None:
        command = [sys.executable, "-m", "asap", self.stage, *words, "--port", str(port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
        )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("open "):
                break
        else:
            raise AssertionError("".join(lines))
        self.printed = "".join(lines)
        self.opened = lines[-1].split()[1]
        self.port = int(urlsplit(self.opened).port or 0)
        self.url = f"http://127.0.0.1:{self.port}"

    def end(self, how: signal.Signals = signal.SIGINT) -> str:
        """End it; returns what it printed last."""
        self.process.send_signal(how)
        return self.process.communicate(timeout=300)[0]


Some = TypeVar("Some", bound=Server)


@contextmanager
def running(server: Some) -> Iterator[Some]:
    """Inside, `server` runs, unless it was ended."""
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def serving(folder: Path, port: int = 0, *options: str) -> AbstractContextManager[Server]:
    return running(Server([str(folder), *options], port))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
