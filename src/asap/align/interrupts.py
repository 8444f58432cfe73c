"""Ctrl-C kept until the loop has finished its step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator


class Stop:
    """Whether somebody asked to stop."""

    asked = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def agreed(self, accelerator: Accelerator) -> bool:
        """Whether one of the processes was asked, so that all stop after the same step."""
        if accelerator.num_processes == 1:
            return self.asked
        asked = torch.tensor([float(self.asked)], device=accelerator.device)
        return bool(accelerator.reduce(asked, "sum").item() > 0)


@contextmanager
def kept() -> Iterator[Stop]:
    """Inside, the first SIGINT or SIGTERM is kept in what this gives; a second one interrupts at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
