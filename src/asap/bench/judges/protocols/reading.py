"""Reading a model's answer: one object of the asked shape, or nothing.

Prose never counts, whatever it says, and neither do two objects that differ: where a caption or writing in
the picture makes a model repeat an answer that it was fed, its own beside it leaves no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

LONGEST_ANSWER = 20_000
"""Characters beyond which an answer is not read."""
# how a model begins that will not look; "I cannot see any error" is no refusal
REFUSAL = re.compile(
    r"(unfortunately, |as an ai[^,.]*, )?"
    r"((i'm|i am) (very |really )?sorry|sorry,|i apologi[sz]e|"
    r"(i can't|i cannot|i can not|i won't|i will not|(i'm|i am) (unable|not able) to|i must decline)"
    r"(?! (see|find|detect|spot|identify|tell)\b))"
)
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def form(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with these properties and no others, as strict modes want it."""
    keys = list(properties)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": keys,
        "additionalProperties": False,
    }


def choice(*values: str) -> dict[str, Any]:
    """The JSON schema of one of `values`."""
    return {"type": "string", "enum": list(values)}


def listed(items: Schema) -> dict[str, Any]:
    """The JSON schema of a list of `items`."""
    return {"type": "array", "items": dict(items)}


def read(text: str, schema: Schema) -> dict[str, Any] | None:
    """The one object of the form `schema` in `text`; None where there is none, or several that differ.

    Only outermost objects count, and properties that the schema does not name are left out of it.
    """
    found = [kept for value in _objects(text) if (kept := _of_form(value, schema)) is not None]
    return found[0] if found and all(other == found[0] for other in found) else None


def refuses(text: str) -> bool:
    """Whether `text` is prose without an object that begins as refusals do, thoughts left out."""
    spoken = text.rpartition("</think>")[2].strip().lower().replace("\u2019", "'")
    return "{" not in spoken and bool(REFUSAL.match(spoken))


def quoted(text: str) -> str:
    """`text` as a JSON string, whose quotes it cannot leave."""
    return json.dumps(text, ensure_ascii=False)


def _objects(text: str) -> list[Any]:
    """Every outermost object in `text`."""
    if len(text) > LONGEST_ANSWER:
        return []
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    found, start = [], text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            found.append(value)
        start = text.find("{", end)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | None:
    """An object, or None where a name stands in it twice with different values."""
    made = dict(pairs)
    return made if all(made[name] == value for name, value in pairs) else None


def _of_form(value: Any, schema: Schema) -> dict[str, Any] | None:
    return _trimmed(value, schema) if matches(value, schema) else None


def matches(value: Any, schema: Schema) -> bool:
    """Whether `value` has the form of `schema`; of JSON schema it knows what `form` and its like write."""
    if not _of_kind(value, schema["type"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, list):
        return all(matches(item, schema["items"]) for item in value)
    if isinstance(value, dict):
        parts: Mapping[str, Schema] = schema["properties"]
        return all(name in value and matches(value[name], part) for name, part in parts.items())
    return True


def _of_kind(value: Any, kinds: str | list[str]) -> bool:
    names = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, KINDS[name]) for name in names)


def _trimmed(value: Any, schema: Schema) -> Any:
    """`value` without what `schema` does not name."""
    if isinstance(value, list):
        return [_trimmed(item, schema["items"]) for item in value]
    if isinstance(value, dict):
        return {name: _trimmed(value[name], part) for name, part in schema["properties"].items()}
    return value
