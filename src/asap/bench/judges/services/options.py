"""The options of a request that some services reject: which to ask with, and what each service taught."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from asap.bench.judges.questions import SCHEMA
from asap.chat import Chat, RejectedError

Names = tuple[str, ...]

FIELDS: dict[str, dict[str, Any]] = {
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "anatomy", "strict": True, "schema": SCHEMA},
        }
    },
    "temperature": {"temperature": 0},
}
COMBINATIONS: tuple[Names, ...] = (("schema", "temperature"), ("temperature",), ("schema",), ())
TRIES = 3  # images for which a combination must be rejected, and never taken, before it is left out
UNSUPPORTED = (400, 422, 501)  # statuses with which services reject options


class Options:
    """What one service takes; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[Names] = set()
        self._rejected = Counter[Names]()

    def worth_trying(self) -> list[Names]:
        """The combinations to ask with, in order; the last, without options, always."""
        with self._lock:
            return [n for n in COMBINATIONS if not n or n in self._taken or self._rejected[n] < TRIES]

    def learn(self, rejected: Sequence[Names], taken: Names) -> None:
        """A request was rejected with some combinations, and then taken with another."""
        with self._lock:
            self._rejected.update(rejected)
            self._taken.add(taken)


def complete(
    chat: Chat, body: Mapping[str, Any], options: Options, rng: random.Random
) -> tuple[dict[str, Any], Names]:
    """The reply to `body` with as many options as the service takes, and their names.

    Raises:
        RejectedError: the service takes the request in no way.
        UserError, RefusedError, UnreadableError, UnreachableError: as `Chat.complete`.
    """
    rejected: list[Names] = []
    error: RejectedError | None = None
    for names in options.worth_trying():
        fields = {key: value for name in names for key, value in FIELDS[name].items()}
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
