"""An OpenAI-compatible service: vLLM, and most hosted models."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from asap.bench.judges.services.options import Fields, Options, complete
from asap.bench.judges.services.service import Access, Picture, Reply
from asap.chat import Chat, UnreadableError, check_service, client, text_of
from asap.errors import UserError


class OpenAI:
    """Sends pictures as `data:` URLs to `chat/completions`; leaves out the options that a service rejects."""

    name = "openai"

    def __init__(self, access: Access) -> None:
        """Raises UserError: no endpoint or model name, or an endpoint that is no plain http(s) URL."""
        if not access.endpoint or not access.model_name:
            raise UserError("an OpenAI-compatible service needs --endpoint URL and --model-name NAME")
        check_service(access.endpoint, access.key)
        self.access = access
        self.concurrency = access.concurrency
        self.place = access.endpoint
        self._stop = threading.Event()
        self._options = Options()

    @property
    def settings(self) -> Mapping[str, object]:
        return {"model_name": self.access.model_name, "temperature": self.access.temperature}

    def __enter__(self) -> Self:
        to = self.access
        self._client = client(to.endpoint, to.key, to.concurrency, to.timeout)
        self._chat = Chat(self._client, to.attempts, to.timeout, self._stop, secret=to.key, pace=to.pace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def stop(self) -> None:
        self._stop.set()

    def ask(
        self, images: Sequence[Picture], text: str, schema: Mapping[str, Any], rng: random.Random
    ) -> Reply:
        content = [{"type": "text", "text": text}, *(_shown(image) for image in images)]
        body = {"model": self.access.model_name, "messages": [{"role": "user", "content": content}]}
        reply, names = complete(self._chat, body, self._optional(schema, rng), self._options, rng)
        return read_completion(reply)._replace(options=names)

    def _optional(self, schema: Mapping[str, Any], rng: random.Random) -> Fields:
        form = {"name": "answer", "strict": True, "schema": schema}
        fields: dict[str, dict[str, Any]] = {
            "schema": {"response_format": {"type": "json_schema", "json_schema": form}},
            "temperature": {"temperature": self.access.temperature},
        }
        if self.access.temperature > 0:  # at 0 there is nothing to sample
            fields["seed"] = {"seed": rng.getrandbits(31)}
        return fields


def _shown(image: Picture) -> dict[str, Any]:
    url = f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def read_completion(reply: Mapping[str, Any]) -> Reply:
    """Text, refusal and tokens of a chat completion.

    Raises:
        UnreadableError: it is none.
    """
    try:
        choice = reply["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        refusal, text = message.get("refusal"), text_of(message.get("content"))
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UnreadableError("the reply is no chat completion") from None
    if finish == "content_filter":
        refusal = refusal or finish
    usage = reply.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    tokens_in, tokens_out = (whole(counts.get(f"{kind}_tokens")) for kind in ("prompt", "completion"))
    return Reply(text, str(refusal or ""), tokens_in, tokens_out)


def whole(value: object) -> int | None:
    """A count as a service tells it, or None where that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
