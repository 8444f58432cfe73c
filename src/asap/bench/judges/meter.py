"""What a judge's questions cost: calls, tokens and money, and the budget that ends them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from asap.errors import UserError
from asap.store import Row, to_json, write_atomic

FILE = "usage.json"
MILLION = 1_000_000


class Prices(NamedTuple):
    """Of a million tokens in and out, in whatever currency; None where the user gave none."""

    tokens_in: float | None
    tokens_out: float | None

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """Of so many tokens; None without prices."""
        if self.tokens_in is None and self.tokens_out is None:
            return None
        spent = tokens_in * (self.tokens_in or 0) + tokens_out * (self.tokens_out or 0)
        return spent / MILLION


@dataclass
class Usage:
    """Replies that came over the network ("calls"), answers that were known ("cached"), tokens.

    `untold` are the replies whose tokens the service did not tell; they are in no sum.
    """

    calls: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    untold: int = 0

    def add(self, row: Row) -> None:
        """Count the reply that `row` notes."""
        told = [row.get("tokens_in"), row.get("tokens_out")]
        self.calls += 1
        self.untold += None in told
        self.tokens_in += told[0] or 0
        self.tokens_out += told[1] or 0


class Meter:
    """Counts all replies that a run has had, those before a kill too, and keeps to its budget.

    No request begins that may pass the budget: it is taken to cost as much as the dearest before it, and so
    are those under way. While none has come back, one goes alone. Safe to share between threads.
    """

    def __init__(self, rows: Iterable[Row], prices: Prices, budget: float | None) -> None:
        self.usage, self.prices, self.budget = Usage(), prices, budget
        self._state = threading.Condition()
        self._under_way, self._dearest, self._silent = 0, 0.0, False
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Count the reply that `row` notes ("tokens_in", "tokens_out").

        Raises:
            UserError: there is a budget, and the service does not tell what an answer took.
        """
        with self._state:
            self.usage.add(row)
            one = self.prices.cost(row.get("tokens_in") or 0, row.get("tokens_out") or 0)
            self._dearest = max(self._dearest, one or 0.0)
            self._silent |= row.get("outcome") == "answered" and row.get("tokens_in") is None
            self._check_told()

    def _check_told(self) -> None:
        if self._silent and self.budget is not None:
            raise UserError("the service does not tell its tokens, so --budget cannot be kept; leave it out")

    def known(self) -> None:
        """Count an answer for which nobody had to be asked."""
        with self._state:
            self.usage.cached += 1

    @contextmanager
    def request(self) -> Iterator[None]:
        """Inside, a request is under way; it waits while those under way may use the budget up.

        Raises:
            UserError: the budget has no room for another.
        """
        with self._state:
            while not self._may_go():
                self._state.wait()
            self._under_way += 1
        try:
            yield
        finally:
            with self._state:
                self._under_way -= 1
                self._state.notify_all()

    def _may_go(self) -> bool:
        if self.budget is None:
            return True
        self._check_told()
        spent = self.spent or 0.0
        if spent >= self.budget or spent + self._dearest > self.budget:
            raise UserError(
                f"the budget of {self.budget:g} has no room for another request: {spent:.4g} spent on "
                f"{self.usage.calls} calls; all answers are kept, and the same command with a higher "
                "--budget goes on"
            )
        if not self._dearest:
            return self._under_way == 0
        return spent + (self._under_way + 1) * self._dearest <= self.budget

    @property
    def spent(self) -> float | None:
        """What all calls cost; None without prices."""
        return self.prices.cost(self.usage.tokens_in, self.usage.tokens_out)

    def write(self, folder: Path) -> None:
        """Write `usage.json`, once there is something to tell."""
        if self.usage.calls or self.usage.cached:
            row: dict[str, Any] = {**vars(self.usage), "cost": self.spent}
            row |= {"price_in": self.prices.tokens_in, "price_out": self.prices.tokens_out}
            write_atomic(folder / FILE, to_json(row, indent=2) + "\n")


def read(folder: Path) -> Row:
    """The `usage.json` in `folder`."""
    row: Row = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return row


def told(usage: Row) -> str:
    """One line on what `usage.json` holds."""
    parts = [f"{usage['calls']} calls in all", f"{usage['cached']} answers known before"]
    parts.append(f"{usage['tokens_in']} tokens in, {usage['tokens_out']} out")
    if usage["untold"]:
        parts.append(f"tokens of {usage['untold']} calls not told")
    if usage["cost"] is not None:
        parts.append(f"cost {usage['cost']:.4g}")
    return "; ".join(parts)
