"""What looks after a run while it learns: its files, its watch, the average of its parameters."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from asap import store
from asap.align import card, checkpoint, validation
from asap.align.average import Average
from asap.align.objectives import LOGISTIC, UNPAIRED
from asap.align.step import NotFiniteError, Work
from asap.align.train import Config
from asap.align.validation import Validation
from asap.align.watch import Watch
from asap.errors import UserError

CHECKPOINT = "checkpoint.safetensors"
GOOD, CANDIDATE = "good.safetensors", "candidate.safetensors"
CONFIRMED = 25  # steps
LOG = "log.jsonl"
RAW = "last"  # folder of the LoRA that was not averaged
MEND = "lower --learning-rate, with another --out"


class Care:
    """The run's log and checkpoints, and what decides whether it goes on.

    The checkpoint is the last one. Beside it, `GOOD` is the last one after which all was well for at least
    `CONFIRMED` steps, as trouble is seen some steps after it began; a run that is stopped goes back to it.
    `CANDIDATE` waits for that. Both are mostly second names of the same file.
    """

    def __init__(self, work: Work, state: Mapping[str, Tensor], validation: Validation | None = None) -> None:
        config = work.config
        self._work, self._out, self._main = work, config.out, work.accelerator.is_main_process
        self._watch = Watch(config.on_trouble, margin(config))
        self._average = Average(work.learner.named, config.ema) if config.ema else None
        averaged = self._average.state() if self._average else {}
        self._state = {**state, **self._watch.state(), **averaged}
        self._rows: list[store.Row] = []
        self._validation = validation

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
            if self._validation:
                self._validation.forget_after(start)
            for kept in (self._out / GOOD, self._out / CANDIDATE):
                if kept.exists() and checkpoint.step_of(kept) > start:  # somebody deleted the checkpoint
                    kept.unlink()
        return start

    @contextmanager
    def guarding(self, step: int) -> Iterator[None]:
        """Inside, `step`, where it is not finite, ends the run, back at its last good checkpoint."""
        try:
            yield
        except NotFiniteError as reason:
            raise self._abandon(step, str(reason)) from None

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
            raise self._abandon(step, f"step {step}: {verdict.text}; {MEND}")
        return row

    def validate(self, step: int) -> None:
        """Draw pictures after `step` finished steps, where it is their turn; one process does."""
        config, accelerator = self._work.config, self._work.accelerator
        if not config.validate_every or (step % config.validate_every and step != config.steps):
            return
        if self._validation:
            with self.averaged():
                validation.log(self._validation.draw(step), accelerator, step)
        accelerator.wait_for_everyone()

    def save(self, step: int) -> None:
        """Write log and checkpoint of `step` finished steps."""
        if self._main:
            store.append_rows(self._out / LOG, self._rows)
            self._confirm(step)
            path = self._out / CHECKPOINT
            self.write_card()
            checkpoint.write(path, step, self._work.learner.named, self._work.optimizer, self._state)
            if self._watch.calm and not (self._out / CANDIDATE).exists():
                _name(path, self._out / CANDIDATE)
        self._rows.clear()

    def write_card(self) -> None:
        """The card of the run as far as its log goes."""
        config = self._work.config
        bounded = config.objective not in (*UNPAIRED, *LOGISTIC)
        card.write(self._out, list(store.read_rows(self._out / LOG)), config.tau if bounded else None)

    def _confirm(self, step: int) -> None:
        """The candidate becomes the good one if all was well for a while after it, or else is given up."""
        candidate, ill = self._out / CANDIDATE, self._watch.ill_since
        if not candidate.exists():
            return
        if (step if ill is None else ill) - checkpoint.step_of(candidate) >= CONFIRMED:
            candidate.replace(self._out / GOOD)
        elif ill is not None:
            candidate.unlink()

    def _abandon(self, step: int, reason: str) -> UserError:
        """Go back to the last good checkpoint; what is to be raised."""
        if not self._main:
            return UserError(reason)
        store.append_rows(self._out / LOG, self._rows)
        self._confirm(step)
        (self._out / CANDIDATE).unlink(missing_ok=True)
        if not (self._out / GOOD).exists():
            return UserError(f"{reason} (there is no checkpoint that is known to be good)")
        _name(self._out / GOOD, self._out / CHECKPOINT)
        kept = checkpoint.step_of(self._out / CHECKPOINT)
        return UserError(
            f"{reason} (the last good checkpoint, of step {kept}, is kept; --steps {kept} here publishes it)"
        )

    def publish(self) -> None:
        """Write the LoRA: the average where there is one, with the last parameters in the folder `RAW`; and
        say so where the run did not end well."""
        backbone = self._work.backbone
        with self.averaged():
            backbone.save_lora(self._out)
        if self._average:
            backbone.save_lora(self._out / RAW)
        if self._watch.in_trouble:
            print(
                f"asap: the run ended in trouble, not well since step {self._watch.ill_since}: look at "
                f"{self._out / 'README.md'} before you use it; {MEND}",
                file=sys.stderr,
            )

    def averaged(self) -> Any:
        """A context in which the parameters are those that are published."""
        return self._average.applied() if self._average else nullcontext()


def margin(config: Config) -> float | None:
    """The gap that the objective drives pairs to, tau, or on which its sigmoid has its scale, as 2 / beta."""
    if config.objective in UNPAIRED:
        return None
    if config.objective == "mapo":
        return 1.0
    return 2 / config.beta if config.objective in LOGISTIC and config.beta else config.tau


def _name(source: Path, target: Path) -> None:
    """`target`, a second name for the file, which is never written to; a copy where that cannot be."""
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # where both were the same file, nothing is replaced


def _drop_from(path: Path, step: int) -> None:
    """Forget the logged steps that the checkpoint does not have: they will be done again."""
    rows = list(store.read_rows(path))
    kept = [row for row in rows if row["step"] < step]
    if len(kept) < len(rows):
        store.write_atomic(path, "".join(store.to_json(row) + "\n" for row in kept))
