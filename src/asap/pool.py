"""Work on many items in several processes, where any of them may be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeVar

import cv2

from asap.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 3
"""Pools broken in a row without any result before we give up."""


def in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    *,
    gpus: Sequence[str] = (),
    mend: str = "fewer --workers",
) -> Iterator[Result]:
    """`work(item)` for every item, each result as soon as it is there, in no fixed order.

    Each process has one thread. Items whose process was killed are done again in a new pool.

    Args:
        gpus: names of GPUs (`gpu_names`); where there are some, each process sees one of them alone.
        mend: with what the same command may succeed where processes keep dying.

    Raises:
        UserError: processes keep dying without any result in between.
    """
    left = dict(enumerate(items))
    broken = 0
    while left:
        try:
            for index, result in _once(work, left, workers, gpus):
                del left[index]
                broken = 0
                yield result
        except BrokenProcessPool:
            broken += 1
            if broken == TRIES:
                raise UserError(
                    f"worker processes keep dying, most likely for want of memory, near {_name(left)}; "
                    f"run the same command with {mend}"
                ) from None


def _once(
    work: Callable[[Item], Result], left: dict[int, Item], workers: int, gpus: Sequence[str]
) -> Iterator[tuple[int, Result]]:
    context = multiprocessing.get_context("spawn")
    started = context.Value("i", 0)
    waiting = iter(list(left.items()))
    running: dict[Future[Result], int] = {}
    workers = min(workers, len(left))
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(started, tuple(gpus)))
    try:
        while True:
            while len(running) < 2 * workers and (item := next(waiting, None)):
                running[pool.submit(work, item[1])] = item[0]
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def gpu_names() -> list[str]:
    """Names of this machine's GPUs, as CUDA_VISIBLE_DEVICES takes them.

    Raises:
        UserError: there are none.
    """
    from torch import cuda  # takes seconds, and few ask

    if not cuda.is_available():
        raise UserError("no GPU here; leave --gpus out, or run on a machine that has one")
    listed = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return [name for name in listed.split(",") if name] or list(map(str, range(cuda.device_count())))


def _start(started: Any, gpus: Sequence[str]) -> None:
    """In each process: one thread, one GPU if any, no answer to Ctrl-C (the parent's affair), no life after
    the parent's."""
    if gpus:
        with started.get_lock():
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus[started.value % len(gpus)]
            started.value += 1
    os.environ["OMP_NUM_THREADS"] = "1"  # for what is imported from here on
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _name(left: dict[int, Item]) -> str:
    first = next(iter(left.values()))
    return str(getattr(first, "source", first))
