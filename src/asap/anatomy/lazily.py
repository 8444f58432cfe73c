"""What costs much and is not always asked for: made when it is, and then kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class Lazily(Mapping[str, Any]):
    """Values by name, each made by its function when it is first asked for.

    Args:
        known: values that are there already.
        makers: functions of nothing that give the others; they go before those `known`.
    """

    def __init__(self, known: Mapping[str, Any], makers: Mapping[str, Callable[[], Any]]) -> None:
        self._known = dict(known)
        self._makers = {name: functools.cache(make) for name, make in makers.items()}

    def __getitem__(self, name: str) -> Any:
        return self._makers[name]() if name in self._makers else self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers or name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known | self._makers)

    def __len__(self) -> int:
        return len(self._known | self._makers)
