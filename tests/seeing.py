"""A model behind a chat service that answers all that a judge asks, and sees colours in what it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from asap.bench.judges.protocols.checks import FACE, HAND, PERSON, SCENE
from asap.records import Image, Sample
from asap.store import append_rows
from loopback import Body, Reply, says

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)
NAMES = {RED: "red", GREEN: "green", BLUE: "blue"}
KINDS = {"questions": "whole", "arms": "person", "eyes": "face", "fingers": "hand"}
KINDS |= {"error": "paper", "verdict": "quick", "better": "pair"}
PLACES = {"people": [(0, 0, 1000, 1000)], "faces": [], "hands": [(100, 500, 200, 600), (700, 500, 800, 600)]}
"""Where a person and two hands are, one red, one blue, in the pictures of `folder_of_images`."""


def kind(body: Body) -> str:
    """What is asked: "whole", "person", "face", "hand", "facts", "paper", "quick" or "pair"."""
    names = body["response_format"]["json_schema"]["schema"]["properties"]
    return next((KINDS[name] for name in names if name in KINDS), "facts")


def colour(image: Image) -> str:
    """The colour of what lies in the middle."""
    pixel = image[image.shape[0] // 2, image.shape[1] // 2]
    return NAMES[min(NAMES, key=lambda c: float(np.abs(pixel - np.array(c, float)).sum()))]


def right(body: Body) -> dict[str, Any]:
    """The answer of a model that finds everything as it should be."""
    asked = kind(body)
    if asked == "whole":
        boxes = {name: [dict(zip(SIDES, box)) for box in found] for name, found in PLACES.items()}
        return {**boxes, "questions": {c.name: json.loads(c.example) for c in SCENE}}
    if asked in (parts := {"person": PERSON, "face": FACE, "hand": HAND}):
        return {check.name: json.loads(check.example) for check in parts[asked]}
    if asked == "facts":
        names = body["response_format"]["json_schema"]["schema"]["properties"]
        return {name: {"answer": "yes", "visibility": "visible"} for name in names}
    if asked == "quick":
        part = {"part": "left hand", "visibility": "clear", "count": 5, "fault": "none"}
        return {"people": 1, "parts": [part], "verdict": "correct", "errors": []}
    return {"error": "no", "categories": []} if asked == "paper" else {"better": "tie"}


SIDES = ("left", "top", "right", "bottom")


def answering(
    change: Callable[[Body, dict[str, Any]], Any] = lambda *_: None,
) -> Callable[[int, Body], Reply]:
    """A behaviour for `loopback.serving`: all is right but for what `change` puts into the answer or returns.

    It may return a `Reply`, or a text in place of the answer's.
    """

    def behaviour(_: int, body: Body) -> Reply:
        answer = right(body)
        changed = change(body, answer)
        if isinstance(changed, Reply):
            return changed
        return metered(changed if isinstance(changed, str) else json.dumps(answer))

    return behaviour


def metered(text: str, tokens_in: int = 1000, tokens_out: int = 100) -> Reply:
    """A completion with its tokens."""
    reply = json.loads(says(text).data)
    reply["usage"] = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return Reply(200, json.dumps(reply).encode())


def folder_of_images(folder: Path, count: int, **sample: Any) -> list[Sample]:
    """`count` pictures of 200 by 100 pixels, no two alike: green, a red square left and a blue one right."""
    folder.mkdir(parents=True)
    rows = []
    for number in range(count):
        image = np.full((100, 200, 3), GREEN, np.uint8)
        image[50:60, 20:40], image[50:60, 140:160], image[0, number] = RED, BLUE, 255
        Pillow.fromarray(image).save(folder / f"{number}.png")
        rows.append(
            Sample(f"s{number}", f"{number}.png", sample.get("text", "a wave"), f"p{number}", "basic", 0)
        )
    rows = [Sample(**{**vars(row), "facts": sample.get("facts", {})}) for row in rows]
    append_rows(folder / "metadata.jsonl", rows)
    return rows
