"""Questions to a service: answered from what is kept, or asked, counted and kept."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from asap.bench.judges.answers import Answers
from asap.bench.judges.meter import Meter
from asap.bench.judges.protocols.protocol import Answer, Outcome, Question
from asap.bench.judges.protocols.reading import read, refuses
from asap.bench.judges.services.service import Reply, Service
from asap.chat import RefusedError, RejectedError, UnreachableError, UnreadableError
from asap.store import Row, content_id, seed_of

KEPT_TEXT = 2000  # characters of what is no answer that are kept as evidence


class Asker:
    """Asks one service; safe to share between threads."""

    def __init__(self, service: Service, answers: Answers, meter: Meter) -> None:
        self.service, self.answers, self.meter = service, answers, meter

    def ask(self, question: Question, repeat: int = 0) -> Answer:
        """What comes of `question`, asked for the `repeat`-th time; each repeat has an answer of its own.

        Raises:
            UserError: no request can succeed, or the budget is used up.
        """
        id_ = self._id(question, repeat)
        row = self.answers.get(id_)
        if row is not None:
            self.meter.known()
            return _answer(row, question.schema)
        try:
            with self.meter.request():
                row = self._asked(id_, question)
                self.answers.add(row)
                self.meter.add(row)
        except (RejectedError, UnreachableError) as error:
            return Answer("unreachable", message=str(error))
        return _answer(row, question.schema)

    def _id(self, question: Question, repeat: int) -> str:
        shown = [picture.id for picture in question.pictures]
        asked = {"name": self.service.name, **self.service.settings}
        return content_id(shown, question.text, question.schema, asked, repeat)

    def _asked(self, id_: str, question: Question) -> Row:
        """The row of what came back."""
        rng = random.Random(seed_of("ask", id_))
        try:
            reply = self.service.ask(question.pictures, question.text, question.schema, rng)
        except RefusedError as error:
            return {"id": id_, "outcome": "refused", "message": str(error), "tokens_in": 0, "tokens_out": 0}
        except UnreadableError as error:
            return {"id": id_, "outcome": "unreadable", "message": str(error)}
        return {"id": id_, "outcome": _outcome(reply, question.schema), **reply._asdict()}


def _outcome(reply: Reply, schema: Mapping[str, Any]) -> Outcome:
    if reply.refusal or refuses(reply.text):
        return "refused"
    return "unreadable" if read(reply.text, schema) is None else "answered"


def _answer(row: Row, schema: Mapping[str, Any]) -> Answer:
    """The answer that a row notes, read anew from the model's words."""
    options = tuple(row.get("options", ()))
    value = read(row.get("text", ""), schema) if row["outcome"] == "answered" else None
    if value is not None:
        return Answer("answered", value, options=options)
    message = row.get("refusal") or row.get("message") or row.get("text") or "an empty answer"
    outcome: Outcome = "refused" if row["outcome"] == "refused" else "unreadable"
    return Answer(outcome, message=message[:KEPT_TEXT], options=options)
