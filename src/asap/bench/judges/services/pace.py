"""Not more requests a minute than a service allows."""

from __future__ import annotations

import threading
import time

MINUTE = 60.0  # seconds


class EvenPace:
    """Lets requests go at equal distances, so that no minute ever holds more than `per_minute` of them."""

    def __init__(self, per_minute: float) -> None:
        self._distance = MINUTE / per_minute
        self._next = 0.0
        self._lock = threading.Lock()

    def __call__(self, stop: threading.Event) -> None:
        """Wait for this request's turn, or until `stop` is set."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._distance
        stop.wait(turn - now)
