"""What the logged numbers of a run say of its health: a warning, a lower rate, or the end with the reason.

A pure state machine over the rows of `log.jsonl`. Three signs are looked for:

- over-optimisation: the model predicts good pictures worse than the untrained one does, as when DPO widens
  the gap by ruining both members of a pair;
- gradients: their norm is far above what it was in this run;
- spread: the gaps of single pairs fly apart (p10 to p90), while their mean may still look well.

All are compared with the run's own past or with the untrained model, so that they need no scale. The limits
are tried by `benchmarks/watch.py`. A row that is not finite is not for this module: no step is made of it
(`step.update`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Literal, NamedTuple

import torch
from torch import Tensor

OnTrouble = Literal["warn", "lower", "stop"]

COLUMNS = ("winner_rise", "winner_base", "delta_p10", "delta_p90", "grad_norm")
LENGTH = 128  # rows that are remembered
FEWEST = 10  # rows; fewer are no evidence
NOW, PAST = 15, 50  # rows that are compared with at least so many before them
LARGEST = 3.0  # times the untrained model's error: what one step counts for at most, however bad it was
SURE = 3.0  # standard errors by which the winner's rise must be above zero
# shares of the untrained model's error, as means over so many rows: worth a warning, trouble
RISES = {50: (0.1, 0.3), FEWEST: (1.0, 1.0)}
GRADIENTS = (10.0, 30.0)  # times what it was
SPREAD = (4.0, 10.0)
MARGINS = 4.0  # a spread of so many margins is wide
QUIET = 200  # steps before a warning is given again
REST = (25, 200)  # before the rate is lowered again: as many steps as were done by then, within these
MOST = 3  # times that the rate is halved

WELL, DOUBTFUL, TROUBLE = 0, 1, 2


class Finding(NamedTuple):
    """A sign's level, from `WELL` to `TROUBLE`, and what a person should know."""

    level: int
    text: str


NOTHING = Finding(WELL, "")


class Verdict(NamedTuple):
    """What to do: "warn" goes on, "lower" goes on at half the rate, "stop" does not."""

    action: OnTrouble
    text: str


class Watch:
    """Looks at every row of a run, in order; of several processes all look at the same rows.

    Args:
        on_trouble: what to do in trouble; "lower" stops once the rate has been halved `MOST` times.
        margin: the gap that the objective drives pairs to; None where it drives none.
    """

    def __init__(self, on_trouble: OnTrouble, margin: float | None) -> None:
        self._on_trouble, self._margin = on_trouble, margin
        self._rows = torch.zeros(LENGTH, len(COLUMNS), dtype=torch.float64)
        self._counts = torch.zeros(3, dtype=torch.int64)  # rows remembered, halvings, first step to act again
        self._said = torch.full((len(SIGNS), 2), -1, dtype=torch.int64)  # of each sign: level and step
        self._level = torch.zeros(1, dtype=torch.int64)
        self._ill = torch.full((1,), -1, dtype=torch.int64)  # the step since which it is not well

    @property
    def calm(self) -> bool:
        """Whether the last row showed no sign of trouble."""
        return int(self._level) == WELL

    @property
    def in_trouble(self) -> bool:
        """Whether the last row was bad enough to lower the rate or to stop."""
        return int(self._level) == TROUBLE

    @property
    def ill_since(self) -> int | None:
        """The step since which rows have shown signs of trouble; None where the last showed none."""
        return None if self.calm else int(self._ill)

    @property
    def scale(self) -> float:
        """By what the learning rate is to be multiplied."""
        return float(0.5 ** int(self._counts[1]))

    def state(self) -> Mapping[str, Tensor]:
        """What a checkpoint keeps; whoever writes into these tensors restores the watch."""
        own = {"rows": self._rows, "counts": self._counts, "said": self._said, "ill": self._ill}
        return {f"watch_{name}": t for name, t in (own | {"level": self._level}).items()}

    def look(self, step: int, row: Mapping[str, float]) -> Verdict | None:
        """What the row of `step` gives reason for; None where there is nothing to say."""
        self._rows = _pushed(self._rows, [row.get(name, math.nan) for name in COLUMNS])
        self._counts[0] = min(int(self._counts[0]) + 1, LENGTH)
        past = self._rows[LENGTH - int(self._counts[0]) :].T.tolist()
        history = dict(zip(COLUMNS, past))
        findings = [sign(history, self._margin) for sign in SIGNS]
        level = max(finding.level for finding in findings)
        if self.calm and level > WELL:
            self._ill.fill_(step)
        self._level.fill_(level)
        number = max(range(len(findings)), key=lambda i: findings[i].level)
        if findings[number].level == TROUBLE and self._on_trouble != "warn":
            return self._act(step, findings[number], SIGNS[number] is over_optimised and self._recovered())
        return self._warn(step, findings)

    def _act(self, step: int, finding: Finding, recovered: bool) -> Verdict | None:
        halvings, rest_until = (int(count) for count in self._counts[1:])
        if step < rest_until or (halvings and recovered):
            return None
        if self._on_trouble == "stop":
            return Verdict("stop", finding.text)
        if halvings == MOST:
            return Verdict("stop", f"{finding.text}, though the learning rate was halved {MOST} times")
        self._counts[1:] = torch.tensor([halvings + 1, step + min(max(step, REST[0]), REST[1])])
        return Verdict("lower", f"{finding.text}; the learning rate is halved from here on")

    def _recovered(self) -> bool:
        """Whether the newest rows alone are well, behind which the mean over more of them lags."""
        last = dict(zip(COLUMNS, self._rows[-FEWEST:].T.tolist()))
        rise, base = (float(sum(last[name])) for name in ("winner_rise", "winner_base"))
        return rise < RISES[50][0] * base

    def _warn(self, step: int, findings: Sequence[Finding]) -> Verdict | None:
        """The findings that are new, worse than when they were last said, or were said long ago."""
        texts = []
        for number, finding in enumerate(findings):
            level, when = self._said[number].tolist()
            if finding.level > WELL and (when < 0 or finding.level > level or step - when >= QUIET):
                self._said[number] = torch.tensor([finding.level, step])
                texts.append(finding.text)
        return Verdict("warn", "; ".join(texts)) if texts else None


def _pushed(rows: Tensor, row: Sequence[float]) -> Tensor:
    """`rows` moved up by one in place, with `row` at the end."""
    rows.copy_(torch.cat([rows[1:], torch.tensor([row], dtype=rows.dtype)]))
    return rows


History = Mapping[str, Sequence[float]]


def over_optimised(history: History, _margin: float | None) -> Finding:
    """The recent means of the winner's rise against the untrained model's error on the same pictures."""
    found = [_risen(history, count, limits) for count, limits in RISES.items()]
    return max(found, key=lambda finding: finding.level)


def _risen(history: History, count: int, limits: tuple[float, float]) -> Finding:
    base = fmean(history["winner_base"][-count:])
    if not base > 0 or len(history["winner_rise"]) < FEWEST:
        return NOTHING
    most = LARGEST * base
    rises = [min(max(rise, -most), most) for rise in history["winner_rise"][-count:]]
    mean, error = fmean(rises), stdev(rises) / math.sqrt(len(rises))
    return Finding(
        _level(mean / base, limits) if mean > SURE * error else WELL,
        f"good pictures are predicted {mean / base:.0%} worse than by the untrained model (mean of "
        f"{len(rises)} steps, none counted as more than {LARGEST:.0%}), which is over-optimisation",
    )


def exploding(history: History, _margin: float | None) -> Finding:
    """The recent median of the gradient's norm against the median before."""
    now, before = _split(history["grad_norm"])
    if not before or median(before) <= 0:
        return NOTHING
    ratio = median(now) / median(before)
    return Finding(_level(ratio, GRADIENTS), f"the gradient's norm is {ratio:.0f} times what it was")


def apart(history: History, margin: float | None) -> Finding:
    """The recent spread of gaps against the spread before, where it also is wide against the margin.

    A batch of one pair has no quantiles of its own, so low ends and high ends are pooled over steps.
    """
    lows, highs = _split(history["delta_p10"]), _split(history["delta_p90"])
    if margin is None or not lows[1]:
        return NOTHING
    now, before = (_quantile(high, 0.9) - _quantile(low, 0.1) for low, high in zip(lows, highs))
    if before <= 0 or now < MARGINS * margin:
        return NOTHING
    ratio = now / before
    return Finding(_level(ratio, SPREAD), f"the gaps of pairs spread {ratio:.0f} times as far as before")


SIGNS: tuple[Callable[[History, float | None], Finding], ...] = (over_optimised, exploding, apart)


def _level(value: float, limits: tuple[float, float]) -> int:
    return sum(value > limit for limit in limits)


def _split(values: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """The newest values, and those before; the second is empty where they are too few."""
    now, before = values[-NOW:], values[:-NOW]
    return now, before if len(before) >= PAST else []


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
