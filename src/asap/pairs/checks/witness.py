"""A vision-language model behind an OpenAI-compatible service, asked whether an error is to be seen.

    HAP/.answers/<ab>/<id>.json    its answers, by picture, question and model: nothing is asked twice

It is asked of the negative, and where it says "yes" the same of the photo, whose anatomy is correct. A model
that says "yes" of both tells nothing, whatever it was led by. All that is no clear answer is "unclear".
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from asap import chat
from asap.errors import UserError
from asap.pairs.checks import questions
from asap.pairs.checks.gates import Fault
from asap.pairs.checks.questions import Reading, Word
from asap.pairs.checks.shown import SHORT, as_png, scaled, shown
from asap.records import Image, Region
from asap.store import content_id, seed_of, to_json, write_atomic

ANSWERS = ".answers"
LOST = 3
"""Questions in a row for which a process got no answer at all, after which the build ends."""
UNSUPPORTED = (400, 422, 501)
"""Statuses with which services reject options."""
OPTIONS: Mapping[str, Any] = {
    "temperature": 0,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": questions.SCHEMA},
    },
}
SCORES: Mapping[Word, float] = {"yes": 1.0, "unclear": 0.5, "no": 0.0}
"""How a word stands among a pair's numbers."""


@dataclass(frozen=True)
class Service:
    """With --checks vlm: which model is asked of errors that no other check can tell."""

    endpoint: str = ""
    """Of --checks vlm: base URL of an OpenAI-compatible service, such as http://localhost:8000/v1."""
    model_name: str = ""
    """The service's name of its model, one that sees pictures."""
    key_variable: str = "ASAP_CHECK_KEY"
    """Environment variable that holds the service's key; unset means no key."""
    timeout: float = 120.0
    """Seconds that one try of a question may take."""
    attempts: int = 6
    """Tries of a question."""

    def identity(self) -> dict[str, str]:
        """What decides the answers, as far as it is known here."""
        return {
            "model_name": self.model_name,
            "questions": content_id(questions.PROMPT, questions.QUESTIONS, questions.OTHER),
        }


class Asked(NamedTuple):
    """A service that was checked, and the folder where its answers are kept."""

    service: Service
    answers: str


def prepared(service: Service, use: str, out: Path) -> Asked | None:
    """The service of a build into `out` whose --checks is `use`; None where that asks no model.

    Raises:
        UserError: no endpoint or model, or an endpoint without need.
    """
    if use != "vlm":
        if service.endpoint or service.model_name:
            raise UserError("--endpoint and --model-name are for --checks vlm; give that too")
        return None
    if not service.endpoint or not service.model_name:
        raise UserError("--checks vlm needs --endpoint URL and --model-name NAME")
    for name in ("timeout", "attempts"):
        if not getattr(service, name) > 0:
            raise UserError(f"--{name} is {getattr(service, name)}; give more than 0")
    chat.check_service(service.endpoint, _key(service))
    return Asked(service, str((out / ANSWERS).resolve()))


def greet(asked: Asked) -> None:
    """Ask one question about a grey square, to see whether anybody answers in the form that is asked for.

    Raises:
        UserError: nobody does, or not so.
    """
    witness, where = Witness(asked), f"{asked.service.model_name} at {asked.service.endpoint}"
    try:
        grey = np.full((SHORT, SHORT, 3), 128, np.uint8)
        found = witness.reading(grey, "extra finger", "hand", keep_faults=False)
    except chat.UnreachableError as error:
        raise UserError(f"{where} does not answer ({error}); mend that, and run the same again") from None
    if found.reason:
        told = " ".join(f"{found.reason}: {found.text}".split())
        raise UserError(f"{where} does not answer as asked ({told}); give a model that sees pictures")


def sees(error: str, image: Image, negative: Image, region: Region, asked: Asked) -> Word:
    """Whether the model sees `error` in `negative` and not in `image`: "no" if not in the negative.

    "unclear" where it cannot tell, sees it in both, or gives no answer as asked for.

    Args:
        error: as in `Pair.error`.
        image, negative: (H, W, 3).
        region: of the part in `image`.
        asked: who, and where its answers are kept.

    Raises:
        UnreachableError: it could not be asked.
        UserError: the service is not there, or refuses the key; or it was lost for `LOST` questions in a row.
    """
    box = shown(image, negative, region)
    if box is None:
        return "unclear"
    left, top, right, bottom = box
    witness, part = opened(asked), region.part
    word = witness.reading(scaled(negative[top:bottom, left:right]), error, part).word
    if word != "yes":
        return word
    before = witness.reading(scaled(image[top:bottom, left:right]), error, part).word
    return "yes" if before == "no" else "unclear"


def unseen(word: Word) -> Fault | None:
    """What is wrong with a pair of which the model says this; a stronger edit may show more."""
    return Fault("the model does not see the error", 1) if word == "no" else None


@functools.cache
def opened(asked: Asked) -> Witness:
    """The witness of a process, made when first asked."""
    return Witness(asked)


class Witness:
    """Asks one service, one question at a time, and keeps what it answers."""

    def __init__(self, asked: Asked) -> None:
        self._service, self._answers = asked.service, Path(asked.answers)
        self._key = _key(self._service)
        client = chat.client(self._service.endpoint, self._key, 1, self._service.timeout)
        attempts, timeout = self._service.attempts, self._service.timeout
        self._chat = chat.Chat(client, attempts, timeout, threading.Event(), secret=self._key)
        self._options, self._lost = OPTIONS, 0

    def reading(self, picture: Image, error: str, part: str, *, keep_faults: bool = True) -> Reading:
        """What the model says of `error` in `picture`: as kept, else as asked now, and kept.

        Answers that are not as asked for are kept too, lest they be asked again, if `keep_faults`.

        Raises:
            UnreachableError, UserError: as `sees`.
        """
        text = questions.prompt(error, part)
        pixels = hashlib.sha256(picture.tobytes()).hexdigest()
        identity = content_id(pixels, picture.shape, text, self._service.model_name)
        path = self._answers / identity[:2] / f"{identity}.json"
        kept = _kept(path)
        if kept is None:
            kept = self._asked(picture, text, identity)
            row = {**kept._asdict(), "error": error, "picture": pixels, "model": self._service.model_name}
            if keep_faults or not kept.reason:
                write_atomic(path, to_json(row) + "\n")
        return kept

    def _asked(self, picture: Image, text: str, identity: str) -> Reading:
        try:
            found = questions.read(self._reply(picture, text, random.Random(seed_of("retry", identity))))
        except chat.RefusedError:
            found = Reading("unclear", "refused")
        except (chat.RejectedError, chat.UnreadableError) as error:
            found = Reading("unclear", "not served", str(error))
        except chat.UnreachableError as error:
            self._lost += 1
            if self._lost < LOST:
                raise
            raise UserError(
                f"{self._service.endpoint} gave no answer to {LOST} questions in a row ({error}); "
                "mend that and run the same again: what is done stays"
            ) from None
        self._lost = 0
        clean = found.text.replace(self._key, "***") if self._key else found.text
        return found._replace(text=clean)

    def _reply(self, picture: Image, text: str, rng: random.Random) -> dict[str, Any]:
        content = [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{as_png(picture)}"}},
        ]
        body = {"model": self._service.model_name, "messages": [{"role": "user", "content": content}]}
        try:
            return self._chat.complete({**body, **self._options}, rng)
        except chat.RejectedError as error:
            if error.status not in UNSUPPORTED or not self._options:
                raise
            reply = self._chat.complete(body, rng)
            self._options = {}  # it takes the question without them: so all others too
            return reply


def _kept(path: Path) -> Reading | None:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return Reading(row["word"], row["reason"], row["text"]) if row["word"] in questions.WORDS else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(service: Service) -> str:
    return os.environ.get(service.key_variable, "").strip()
