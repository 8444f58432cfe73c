"""An OpenAI-compatible service: vLLM, and most hosted models."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from asap.bench.judges.services.hosted import Hosted, whole
from asap.bench.judges.services.service import Access, Picture, Reply
from asap.chat import Chat, Embedded, UnreadableError, client, text_of
from asap.errors import UserError


class OpenAI(Hosted):
    """Sends pictures as `data:` URLs to `chat/completions`."""

    name = "openai"

    def __init__(self, access: Access) -> None:
        """Raises UserError: no endpoint or model name, or an endpoint that is no plain http(s) URL."""
        if not access.endpoint or not access.model_name:
            raise UserError("an OpenAI-compatible service needs --endpoint URL and --model-name NAME")
        super().__init__(access, access.endpoint, access.model_name)

    def connected(self, stop: threading.Event) -> Chat:
        to = self.access
        connection = client(self.place, to.key, to.concurrency, to.timeout)
        return Chat(connection, to.attempts, to.timeout, stop, secret=to.key, pace=to.pace)

    def body(self, images: Sequence[Picture], text: str) -> dict[str, Any]:
        content = [{"type": "text", "text": text}, *(_shown(image) for image in images)]
        return {"model": self.model_name, "messages": [{"role": "user", "content": content}]}

    def form(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        form = {"name": "answer", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": form}}

    def read(self, reply: Mapping[str, Any]) -> Reply:
        return read_completion(reply)


def _shown(image: Picture) -> dict[str, Any]:
    url = Embedded(image.data, f"data:{image.mime};base64,")
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
