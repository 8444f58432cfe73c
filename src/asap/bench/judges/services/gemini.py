"""Gemini's own interface: `generateContent` of the Gemini API (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from asap.bench.judges.services.hosted import Hosted, whole
from asap.bench.judges.services.service import Access, Picture, Reply
from asap.chat import FATAL, Chat, Embedded, RefusedError, UnreadableError, client
from asap.errors import UserError

ENDPOINT = "https://generativelanguage.googleapis.com/v1beta"
KEY_HEADER = "x-goog-api-key"
DECLINED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY"}
)
"""Reasons for which an answer ends that are a filter's word, not the model's end."""
KNOWN = ("format", "title", "description", "enum", "minItems", "maxItems", "minimum", "maximum", "required")
"""Of JSON Schema what Gemini's subset of OpenAPI's has in the same words; others are an error to it."""
MENDING = {**FATAL, 404: "no such model or address; check --model-name, and --endpoint where you gave one"}


class Gemini(Hosted):
    """Sends pictures as `inlineData`; the filters' settings stay Google's own."""

    name = "gemini"

    def __init__(self, access: Access) -> None:
        """Raises UserError: no model name or key, or an endpoint that is no plain http(s) URL."""
        if not access.model_name or not access.key:
            raise UserError(
                "gemini needs --model-name NAME, and a key in the variable named by --key-variable"
            )
        super().__init__(access, access.endpoint or ENDPOINT, access.model_name.removeprefix("models/"))

    def connected(self, stop: threading.Event) -> Chat:
        to = self.access
        connection = client(self.place, "", to.concurrency, to.timeout)
        connection.headers[KEY_HEADER] = to.key  # never in the URL, which logs show
        return Generation(
            connection,
            to.attempts,
            to.timeout,
            stop,
            secret=to.key,
            pace=to.pace,
            path=f"models/{quote(self.model_name, safe='')}:generateContent",
            fatal=MENDING,
        )

    def body(self, images: Sequence[Picture], text: str) -> dict[str, Any]:
        return {"contents": [{"role": "user", "parts": [*map(_shown, images), {"text": text}]}]}

    def form(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        return {"responseMimeType": "application/json", "responseSchema": openapi(schema)}

    def read(self, reply: Mapping[str, Any]) -> Reply:
        return read_generation(reply)


@dataclass(frozen=True)
class Generation(Chat):
    """Requests whose fields besides `contents` belong into `generationConfig`."""

    def complete(self, body: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
        """See `Chat.complete`."""
        config = {name: value for name, value in body.items() if name != "contents"}
        return super().complete({"contents": body["contents"], "generationConfig": config}, rng)


def _shown(image: Picture) -> dict[str, Any]:
    return {"inlineData": {"mimeType": image.mime, "data": Embedded(image.data)}}


def openapi(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema in the subset of OpenAPI's that `responseSchema` takes.

    A type or null becomes that type and `nullable`; `additionalProperties`, and all else unknown there, is
    left out; properties keep their order.
    """
    types = schema.get("type", [])
    kinds = [kind for kind in ([types] if isinstance(types, str) else types) if kind != "null"]
    found: dict[str, Any] = {name: schema[name] for name in KNOWN if name in schema}
    if len(kinds) == 1:
        found["type"] = kinds[0].upper()
    if "null" in types:
        found["nullable"] = True
    if "properties" in schema:
        found["properties"] = {name: openapi(each) for name, each in schema["properties"].items()}
        found["propertyOrdering"] = list(schema["properties"])
    if "items" in schema:
        found["items"] = openapi(schema["items"])
    if "anyOf" in schema:
        found["anyOf"] = [openapi(each) for each in schema["anyOf"]]
    return found


def read_generation(reply: Mapping[str, Any]) -> Reply:
    """Text, refusal and tokens of a `GenerateContentResponse`; parts that are thoughts are left out.

    Raises:
        RefusedError: the prompt was blocked, so that no model saw it.
        UnreadableError: it is no such response.
    """
    feedback, candidates = reply.get("promptFeedback"), reply.get("candidates")
    blocked = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    if blocked:
        raise RefusedError(f"the prompt was blocked: {blocked}")
    try:
        candidate = candidates[0]  # type: ignore[index]
        finish = str(candidate.get("finishReason") or "")
        parts = (candidate.get("content") or {}).get("parts") or []
        text = "".join(str(part.get("text") or "") for part in parts if not part.get("thought"))
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UnreadableError("the reply has no candidate") from None
    refusal = " ".join(filter(None, (finish, candidate.get("finishMessage")))) if finish in DECLINED else ""
    usage = reply.get("usageMetadata")
    return Reply(text, refusal, *_tokens(usage if isinstance(usage, Mapping) else {}))


def _tokens(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens in and out; thoughts count as out, as they are charged."""
    said, thought = whole(usage.get("candidatesTokenCount")), whole(usage.get("thoughtsTokenCount"))
    out = None if said is None and thought is None else (said or 0) + (thought or 0)
    return whole(usage.get("promptTokenCount")), out
