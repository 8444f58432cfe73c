"""What a protocol is: the questions about an image, and how their answers become a finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from asap.bench.judges.protocols.seen import Seen
from asap.bench.judges.services.service import Picture
from asap.records import Box, Sample, Verdict

PROTOCOLS = {
    "paper": "asap.bench.judges.protocols.paper:Paper",
    "checklist": "asap.bench.judges.protocols.checklist:Checklist",
    "quick": "asap.bench.judges.protocols.quick:Quick",
}
NOTHING = "nothing to judge"
"""The reason of a finding where no part of a person can be seen well enough."""

Outcome = Literal["answered", "refused", "unreadable", "unreachable"]


class Question(NamedTuple):
    """Some pictures, a text, and the JSON schema of the object that answers it."""

    pictures: tuple[Picture, ...]
    text: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        value: the object of the question's form where it was "answered", else empty.
        message: what came instead.
        options: names of the optional fields of the request that the service took.
    """

    outcome: Outcome
    value: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    options: tuple[str, ...] = ()


Ask = Callable[[Question], Answer]


@dataclass(frozen=True)
class Finding:
    """What a protocol makes of one image, or of one repeat of its questions; see `records.Judgement`."""

    verdict: Verdict
    errors: tuple[str, ...] = ()
    reason: str = ""
    region: Box | None = None
    mismatch: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)


class JudgingProtocol(Protocol):
    """Asks about an image and derives the verdict.

    Attributes:
        name: its name in `PROTOCOLS`.
        questions: the id of all that it asks whatever the image, so that a changed text is another judge.
    """

    name: str
    questions: str

    def judge(self, seen: Seen, sample: Sample, ask: Ask) -> Finding:
        """What the answers to its questions about `seen`, the image of `sample`, come to."""
        ...


def unscored(answer: Answer) -> Finding:
    """The finding where `answer` is none: its outcome is the reason."""
    return Finding("unscored", reason=answer.outcome, evidence={"message": answer.message})
