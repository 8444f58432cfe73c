"""A vision-language model behind an OpenAI-compatible service as a judge."""

from __future__ import annotations

import base64
import mimetypes
import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asap.bench.judges.judge import NO_IMAGE
from asap.bench.judges.options import Options, complete
from asap.bench.judges.questions import INSTRUCTIONS, SCHEMA, question, read_answer
from asap.chat import (
    Chat,
    RefusedError,
    RejectedError,
    UnreachableError,
    UnreadableError,
    check_service,
    client,
    text_of,
)
from asap.errors import UserError
from asap.records import Judgement, Sample, Verdict
from asap.store import content_id, seed_of

PROBED = 8  # images, at least, after which a service that never answered is given up
KEPT_TEXT = 2000  # characters of an unreadable answer that are kept as evidence


@dataclass(frozen=True)
class VLM:
    """Asks a model for a checklist of each image and derives the verdict from it.

    Attributes:
        endpoint: base URL, such as "http://localhost:8000/v1".
        model_name: the model's name at the service.
        key: the service's key, or "". It is sent as a bearer token and shown nowhere.
        concurrency: requests under way at once.
        timeout: seconds that one try may take.
        attempts: tries per image.

    Raises:
        UserError: no endpoint or model name, or an endpoint that is no plain http(s) URL.
    """

    endpoint: str
    model_name: str
    key: str = field(default="", repr=False)
    concurrency: int = 8
    timeout: float = 120.0
    attempts: int = 6
    name: str = "vlm"

    def __post_init__(self) -> None:
        if not self.endpoint or not self.model_name:
            raise UserError("the judge `vlm` needs --endpoint URL and --model-name NAME")
        check_service(self.endpoint, self.key)
        for name in ("concurrency", "timeout", "attempts"):
            if not getattr(self, name) > 0:
                raise UserError(f"--{name} is {getattr(self, name)}; give more than 0")

    @property
    def settings(self) -> dict[str, object]:
        return {"model_name": self.model_name, "questions": content_id(INSTRUCTIONS, SCHEMA)}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """One judgement per sample in the order in which the answers come.

        Raises:
            UserError: a wrong key or address, or nobody who answers there.
        """
        stop, options = threading.Event(), Options()
        connection = client(self.endpoint, self.key, self.concurrency, self.timeout)
        with connection, ThreadPoolExecutor(self.concurrency) as pool:
            chat = Chat(connection, self.attempts, self.timeout, stop, secret=self.key)
            asked = [pool.submit(self._ask, chat, options, images, sample) for sample in samples]
            try:
                answers = (future.result() for future in as_completed(asked))
                yield from while_answered(answers, max(PROBED, self.concurrency), self.endpoint)
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, chat: Chat, options: Options, images: Path, sample: Sample) -> Judgement:
        try:
            body = self._body(images / sample.file_name, sample.text)
        except OSError as error:
            return _unscored(sample, NO_IMAGE, {"message": str(error.strerror)})
        rng = random.Random(seed_of("retry", sample.id))
        try:
            reply, names = complete(chat, body, options, rng)
        except RefusedError as error:
            return _unscored(sample, "refused", {"message": str(error)})
        except (RejectedError, UnreachableError) as error:
            return _unscored(sample, "unreachable", {"message": str(error)})
        except UnreadableError as error:
            return _unscored(sample, "unreadable", {"message": str(error)})
        judgement = _judgement(sample, reply)
        return replace(judgement, evidence={**judgement.evidence, "options": list(names)})

    def _body(self, path: Path, caption: str) -> dict[str, Any]:
        content = [
            {"type": "text", "text": question(caption)},
            {"type": "image_url", "image_url": {"url": data_url(path)}},
        ]
        messages = [{"role": "user", "content": content}]
        return {"model": self.model_name, "messages": messages}


def while_answered(judgements: Iterable[Judgement], limit: int, endpoint: str) -> Iterator[Judgement]:
    """`judgements`, until `limit` of them are through and the service was reached for none.

    Raises:
        UserError: then.
    """
    answered, lost = False, 0
    for judgement in judgements:
        yield judgement
        lost += judgement.reason == "unreachable"
        answered = answered or judgement.reason not in ("unreachable", NO_IMAGE)
        if lost >= limit and not answered:
            reason = judgement.evidence.get("message")
            raise UserError(f"{endpoint} answered for none of the first {lost} images ({reason}); mend that")


def data_url(path: Path) -> str:
    """The file's bytes as a `data:` URL.

    Raises:
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _judgement(sample: Sample, reply: dict[str, Any]) -> Judgement:
    try:
        choice = reply["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        refusal, text = message.get("refusal"), text_of(message.get("content"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return _unscored(sample, "unreadable", {"message": "the reply is no chat completion"})
    if refusal or finish == "content_filter":
        return _unscored(sample, "refused", {"message": str(refusal or finish)[:KEPT_TEXT]})
    reading = read_answer(text)
    if reading.verdict == "unscored":
        evidence = {"answer": reading.answer} if reading.answer else {"text": text[:KEPT_TEXT]}
        return _unscored(sample, reading.reason, evidence)
    return _about(sample, reading.verdict, errors=reading.errors, evidence={"answer": reading.answer})


def _unscored(sample: Sample, reason: str, evidence: dict[str, Any]) -> Judgement:
    return _about(sample, "unscored", reason=reason, evidence=evidence)


def _about(sample: Sample, verdict: Verdict, **rest: Any) -> Judgement:
    return Judgement(sample.id, sample.prompt_id, sample.seed, sample.category, verdict, **rest)
