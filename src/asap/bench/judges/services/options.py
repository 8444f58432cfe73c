"""The options of a request that some services reject: which to ask with, and what each service taught."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from asap.chat import Chat, RejectedError

Names = tuple[str, ...]
Fields = Mapping[str, Mapping[str, Any]]
"""Name of an option -> the fields of the request's body that it consists of."""

TRIES = 3  # requests with which a combination must be rejected, and never taken, before it is left out
UNSUPPORTED = (400, 422, 501)  # statuses with which services reject options


def subsets(names: Iterable[str]) -> list[Names]:
    """All combinations of `names`, sorted: the whole first, nothing last."""
    ordered = sorted(names, reverse=True)  # so that a schema, which is rejected most often, goes first
    return [tuple(sorted(c)) for size in range(len(ordered), -1, -1) for c in combinations(ordered, size)]


class Options:
    """What one service takes; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[Names] = set()
        self._rejected = Counter[Names]()

    def worth_trying(self, names: Iterable[str]) -> list[Names]:
        """The combinations of `names` to ask with, in order; the last, without options, always."""
        with self._lock:
            known = [n for n in subsets(names) if n in self._taken or self._rejected[n] < TRIES]
            return [*(n for n in known if n), ()]

    def learn(self, rejected: Sequence[Names], taken: Names) -> None:
        """A request was rejected with some combinations, and then taken with another."""
        with self._lock:
            self._rejected.update(rejected)
            self._taken.add(taken)


def complete(
    chat: Chat, body: Mapping[str, Any], optional: Fields, options: Options, rng: random.Random
) -> tuple[dict[str, Any], Names]:
    """The reply to `body` with as many `optional` fields as the service takes, and their names.

    Raises:
        RejectedError: the service takes the request in no way.
        UserError, RefusedError, UnreadableError, UnreachableError: as `Chat.complete`.
    """
    rejected: list[Names] = []
    error: RejectedError | None = None
    for names in options.worth_trying(optional):
        fields = {key: value for name in names for key, value in optional[name].items()}
        try:
            reply = chat.complete({**body, **fields}, rng)
        except RejectedError as found:
            if found.status not in UNSUPPORTED:
                raise
            error = found
            rejected.append(names)
        else:
            options.learn(rejected, names)
            return reply, names
    raise error or RejectedError("given up", 0)
