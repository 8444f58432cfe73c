"""What looks after a run while it learns: its files, its watch, the average of its parameters."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor
from tqdm import tqdm

from asap import store
from asap.align import checkpoint, watch
from asap.align.average import Average
from asap.align.objectives import LOGISTIC, UNPAIRED
from asap.align.step import NotFiniteError, Work
from asap.align.train import Config
from asap.align.watch import Watch
from asap.errors import UserError

CHECKPOINT = "checkpoint.safetensors"
GOOD = "good.safetensors"
LOG = "log.jsonl"
RAW = "last"  # folder of the LoRA that was not averaged
MEND = "lower --learning-rate, with another --out"


class Care:
    """The run's log and checkpoints, and what decides whether it goes on.

    The checkpoint is the last one. Where the watch has seen trouble since an earlier one, that one is kept
    beside it, as `GOOD`, until all is well again; a run that is stopped goes back to it.
    """

    def __init__(self, work: Work, state: Mapping[str, Tensor]) -> None:
        config = work.config
        self._work, self._out, self._main = work, config.out, work.accelerator.is_main_process
        self._watch = Watch(config.on_trouble, margin(config))
        self._average = Average(work.learner.named, config.ema) if config.ema else None
        averaged = self._average.state() if self._average else {}
        self._state = {**state, **self._watch.state(), **averaged}
        self._rows: list[store.Row] = []

    @property
    def scale(self) -> float:
        """By what the learning rate is multiplied."""
        return self._watch.scale

    def resume(self) -> int:
        """Bring everything to where the checkpoint is, the log too; returns the finished steps."""
        path, learner = self._out / CHECKPOINT, self._work.learner
        start = checkpoint.read(path, learner.named, self._work.optimizer, self._state)
        if self._main:
            _drop_from(self._out / LOG, start)
        return start

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Inside, a step that is not finite ends the run, back at its last good checkpoint."""
        try:
            yield
        except NotFiniteError as reason:
            raise self._abandon(str(reason)) from None

    def after(self, step: int, row: store.Row) -> store.Row:
        """Take note of a finished step; returns its row for the log, with a `warning` where there is one.

        Raises:
            UserError: the run is in trouble and `on_trouble` says that it ends there.
        """
        if self._average:
            self._average.update()
        verdict = self._watch.look(step, row)
        if verdict:
            row = {**row, "warning": verdict.text}
            if self._main:
                tqdm.write(f"asap: step {step}: {verdict.text}", file=sys.stderr)
        self._rows.append(row)
        if verdict and verdict.action == "stop":
            raise self._abandon(f"step {step}: {verdict.text}; {MEND}")
        return row

    def save(self, step: int) -> None:
        """Write log and checkpoint of `step` finished steps."""
        if self._main:
            path, good = self._out / CHECKPOINT, self._out / GOOD
            if not self._watch.calm and path.exists() and not good.exists():
                _copy(path, good)
            self._append()
            checkpoint.write(path, step, self._work.learner.named, self._work.optimizer, self._state)
            if self._watch.calm:
                good.unlink(missing_ok=True)
        self._rows.clear()

    def _append(self) -> None:
        store.append_rows(self._out / LOG, self._rows)

    def _abandon(self, reason: str) -> UserError:
        """Go back to the last good checkpoint; what is to be raised."""
        if self._main:
            self._append()
            if (self._out / GOOD).exists():
                (self._out / GOOD).replace(self._out / CHECKPOINT)
        return UserError(f"{reason} ({self._kept()})")

    def _kept(self) -> str:
        path = self._out / CHECKPOINT
        if not path.exists():
            return "there is no checkpoint yet"
        step, level = checkpoint.peek(path, watch.LEVEL)
        if level > watch.WELL:
            return f"the last checkpoint, of step {step}, was in trouble already"
        return f"the last good checkpoint, of step {step}, is kept; --steps {step} here publishes it"

    def publish(self) -> None:
        """Write the LoRA: the average where there is one, with the last parameters in the folder `RAW`."""
        backbone = self._work.backbone
        with self.averaged():
            backbone.save_lora(self._out)
        if self._average:
            backbone.save_lora(self._out / RAW)

    def averaged(self) -> Any:
        """A context in which the parameters are those that are published."""
        return self._average.applied() if self._average else nullcontext()


def margin(config: Config) -> float | None:
    """The gap that the objective drives pairs to: tau; for DPO 2 / beta, where its sigmoid has its scale."""
    if config.objective in UNPAIRED:
        return None
    return 2 / config.beta if config.objective in LOGISTIC and config.beta else config.tau


def _copy(source: Any, target: Any) -> None:
    """A second name for the file, which is replaced and never written to; a copy where that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(source, temporary)
        temporary.replace(target)


def _drop_from(path: Any, step: int) -> None:
    """Forget the logged steps that the checkpoint does not have: they will be done again."""
    rows = list(store.read_rows(path))
    kept = [row for row in rows if row["step"] < step]
    if len(kept) < len(rows):
        store.write_atomic(path, "".join(store.to_json(row) + "\n" for row in kept))
