"""What services over HTTP share: a connection, what they reject, how a question becomes a request."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from asap.bench.judges.services.options import Options, complete
from asap.bench.judges.services.service import Access, Picture, Reply
from asap.chat import Chat, check_service


class Hosted(ABC):
    """A service reached by `Chat`; options that it rejects are left out of later requests."""

    def __init__(self, access: Access, place: str, model_name: str) -> None:
        """Raises UserError: a `place` that is no plain http(s) URL."""
        check_service(place, access.key)
        self.access, self.place, self.model_name = access, place, model_name
        self.concurrency = access.concurrency
        self._stop = threading.Event()
        self._options = Options()

    @property
    def settings(self) -> Mapping[str, object]:
        return {"model_name": self.model_name, "temperature": self.access.temperature}

    def __enter__(self) -> Self:
        self._chat = self.connected(self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chat.client.close()

    def stop(self) -> None:
        self._stop.set()

    def ask(
        self, images: Sequence[Picture], text: str, schema: Mapping[str, Any], rng: random.Random
    ) -> Reply:
        optional = {"schema": self.form(schema), "temperature": {"temperature": self.access.temperature}}
        if self.access.temperature > 0:  # at 0 there is nothing to sample
            optional["seed"] = {"seed": rng.getrandbits(31)}
        reply, names = complete(self._chat, self.body(images, text), optional, self._options, rng)
        return self.read(reply)._replace(options=names)

    @abstractmethod
    def connected(self, stop: threading.Event) -> Chat:
        """A connection of its own, given up when `stop` is set."""

    @abstractmethod
    def body(self, images: Sequence[Picture], text: str) -> dict[str, Any]:
        """The request without options."""

    @abstractmethod
    def form(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the request that ask for an answer of the form `schema`."""

    @abstractmethod
    def read(self, reply: Mapping[str, Any]) -> Reply:
        """What the service's reply says.

        Raises:
            asap.chat.RefusedError, asap.chat.UnreadableError: see `Service.ask`.
        """


def whole(value: object) -> int | None:
    """A count as a service tells it, or None where that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
