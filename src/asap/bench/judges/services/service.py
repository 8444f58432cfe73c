"""What a judge may ask of whoever answers questions about pictures, and the table of those who do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

SERVICES = {
    "gemini": "asap.bench.judges.services.gemini:Gemini",
    "local": "asap.bench.judges.services.local:Local",
    "openai": "asap.bench.judges.services.openai:OpenAI",
}
"""Name -> class; its instance is made of one `Access`."""

Pace = Callable[[Event], None]
"""Called before every request, a repeated one too: waits until one may go, or the event is set."""


def unhurried(_: Event) -> None:
    """The pace without a limit."""


@dataclass(frozen=True)
class Picture:
    """A picture to be shown.

    Attributes:
        id: what it shows, as 16 digits: equal pictures, equal ids. Answers are kept under it.
        data: the bytes of an image file.
        mime: its type, such as "image/png".
    """

    id: str
    data: bytes = field(repr=False)
    mime: str


class Reply(NamedTuple):
    """What came back.

    Attributes:
        text: the model's answer, as it wrote it.
        refusal: why the model or its filter declined, where the reply says so by a field of its own; else "".
        tokens_in, tokens_out: what is charged for, where the service tells; thought tokens count as out.
        options: names of the optional fields of the request that the service took ("schema").
    """

    text: str
    refusal: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """How a service is reached; each takes what concerns it.

    Attributes:
        endpoint: base URL, or "" for the service's own.
        model_name: the model's name at the service; of a local one its folder or hub id.
        key: or "". It is shown and written nowhere.
        concurrency: requests under way at once.
        timeout: seconds that one try may take.
        attempts: tries of a request.
        temperature: of sampling; at 0 a model says its likeliest answer.
        device: of a local model: "cpu" or "cuda"; "" for cuda where there is one.
        pace: see `Pace`.
    """

    endpoint: str = ""
    model_name: str = ""
    key: str = field(default="", repr=False)
    concurrency: int = 8
    timeout: float = 120.0
    attempts: int = 6
    temperature: float = 0.0
    device: str = ""
    pace: Pace = unhurried


class Service(Protocol):
    """Answers one question about some pictures at a time, in several threads.

    Made of one `Access`, which it checks with a `UserError` and without any request or load: a connection is
    opened, or a model loaded, when it is entered, and it is asked inside alone.

    Attributes:
        name: its name in `SERVICES`.
        concurrency: questions that it takes at once.
        place: where it is, for messages: a URL or a folder.
    """

    name: str
    concurrency: int
    place: str

    @property
    def settings(self) -> Mapping[str, object]:
        """What, besides `name`, decides its answers (model, temperature); never a secret, never a URL.

        Answers are kept and shared under it.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def ask(
        self, images: Sequence[Picture], text: str, schema: Mapping[str, Any], rng: random.Random
    ) -> Reply:
        """The reply to `text`, which follows or precedes `images` in their order.

        Args:
            schema: JSON schema of the object asked for, as OpenAI's strict mode has it: every property is
                required, no other is allowed, and a type may be a list with "null". A service that takes no
                schema leaves it out; the text tells the form, too.
            rng: for the seed of sampling and for the jitter of waits; equal questions get equal ones, repeats
                of a question different ones.

        Raises:
            asap.chat.RefusedError: a policy forbids the request, before any model saw it.
            asap.chat.RejectedError: it will not be served as it stands (too large, unknown type).
            asap.chat.UnreachableError: no answer after all attempts, or stopped.
            asap.chat.UnreadableError: what came is no reply of that service.
            UserError: nothing can succeed (wrong key, address or model).
        """
        ...

    def stop(self) -> None:
        """Waiting ends: whatever is asked is given up. Called from another thread, perhaps twice."""
        ...
