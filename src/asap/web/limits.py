"""How much and how fast a client may ask: sizes of a request, and requests a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

LONGEST_ADDRESS = 2048  # bytes of path and query
LARGEST_BODY = 4096  # bytes
CLIENTS = 1024  # addresses remembered


class Rate:
    """A token bucket for each client: `burst` requests at once, and `rate` a second after that.

    Args:
        rate: requests a second, above 0.
        burst: requests at once, at least 1.
        clock: seconds that never go back.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds that `client` has to wait; 0 where it may go on now, which is then counted."""
        now = self.clock()
        left, then = self._left.pop(client, (float(self.burst), now))
        left = min(float(self.burst), left + (now - then) * self.rate)
        allowed = left >= 1
        self._left[client] = (left - allowed, now)
        if len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate
