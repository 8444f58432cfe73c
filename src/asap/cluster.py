"""Work on many items on a Ray cluster, where any process or machine may die: the twin of `pool`.

One item is one Ray task. Ray decides which machine runs it, keeps processes (and the models in them) between
tasks, and runs a task again whose process or machine was lost.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cv2

from asap.errors import UserError
from asap.store import write_atomic

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 3
"""How often a task whose process was lost is run again."""
MARK = "cluster"
WAITING = 2
"""Tasks handed to Ray for each that it can run at once."""


def on_cluster(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    shared: Path,
    workers: int = 0,
    gpus: float = 0.0,
    mend: str = "fewer --workers",
) -> Iterator[Result]:
    """`work(item)` for every item, each result as soon as it is there, in no fixed order.

    The cluster is that of RAY_ADDRESS, else the one that this machine belongs to, else one of its own on this
    machine. Each task has one core and one thread, and `gpus` GPUs.

    Args:
        work: a function that can be pickled, of a module that all machines have.
        shared: a folder that `work` writes to; every machine must see it.
        workers: most tasks at once; 0 for as many as there is room for.
        gpus: GPUs a task, also a part of one.
        mend: with what the same command may succeed where processes keep dying.

    Raises:
        UserError: Ray is not installed, there is no room for a single task, a machine does not see `shared`,
            or processes keep dying.
    """
    ray = _connected()
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=TRIES, max_calls=0)(_do)
    job, mark, waiting = ray.put(work), _mark(shared), iter(items)
    running: dict[Any, Item] = {}
    try:
        while True:
            room = _room(ray.cluster_resources(), gpus)  # machines may join
            for item in islice(waiting, (workers or WAITING * room) - len(running)):
                running[task.remote(job, item, shared, mark)] = item
            if not running:
                return
            (done, *_), _ = ray.wait(list(running))
            yield _result(ray, done, running.pop(done), mend)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        (shared / MARK).unlink(missing_ok=True)


def _connected() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise UserError("--engine ray needs Ray: pip install 'asap-align[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError) as error:
            raise UserError(f"no Ray cluster answers ({_line(error)}); check RAY_ADDRESS") from None
    return ray


def _room(resources: Mapping[str, float], gpus: float) -> int:
    """How many tasks the cluster can run at once.

    Raises:
        UserError: not one.
    """
    room = resources.get("CPU", 0.0)
    if gpus:
        room = min(room, resources.get("GPU", 0.0) / gpus)
    if room < 1:
        raise UserError(f"the Ray cluster has no room for a task of one core and {gpus:g} GPUs")
    return int(room)


def _mark(shared: Path) -> str:
    """Words in a file by which machines know that they see the folder, and not one of the same name."""
    mark = f"{socket.gethostname()} {uuid.uuid4()}"
    write_atomic(shared / MARK, mark)
    return mark


def _do(work: Callable[[Item], Result], item: Item, shared: Path, mark: str) -> Result:
    cv2.setNumThreads(1)
    found = shared / MARK
    if not found.is_file() or found.read_text(encoding="utf-8") != mark:
        here = socket.gethostname()
        raise UserError(f"machine {here} does not see {shared}; give an --out that all machines share")
    return work(item)


def _result(ray: Any, reference: Any, item: object, mend: str) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what `work` raised
    except ray.exceptions.RayError as error:
        name = getattr(item, "source", item)
        told = f"{type(error).__name__}: {_line(error)}"
        raise UserError(f"Ray gave up on {name} ({told}); run the same command with {mend}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
