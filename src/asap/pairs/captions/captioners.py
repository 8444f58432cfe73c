"""Who describes a photo: a model behind an OpenAI-compatible service, or one of transformers here."""

from __future__ import annotations

import base64
import random
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
from PIL import Image as Pillow

from asap import chat
from asap.errors import UserError
from asap.pairs.photos import Unreadable, read_photo
from asap.records import Image, Photo
from asap.store import seed_of

INSTRUCTION = (
    "Describe this photo in one or two plain sentences, as a caption from which it could be drawn again: the "
    "people, their pose, what their hands do, clothing, place and light. Only what is seen; no introduction."
)
LONGEST = 200  # tokens of a caption
PROBED = 8  # photos after which a service that never answered is given up
UNSUPPORTED = (400, 422, 501)  # statuses with which services reject options
QUALITY = 90
_OPTIONS: dict[str, Any] = {"max_tokens": LONGEST, "temperature": 0}


class Caption(NamedTuple):
    """What came of one photo: a caption, or None and why not."""

    photo: Photo
    text: str | None
    reason: str = ""
    reached: bool = True


class Captioner(Protocol):
    """Describes photos, in their order; `name` tells who it is."""

    @property
    def name(self) -> str: ...

    def describe(self, photos: Sequence[Photo]) -> Iterator[Caption]: ...


@dataclass(frozen=True)
class Service:
    """A vision-language model behind an OpenAI-compatible service.

    Attributes:
        endpoint, name: base URL, such as "http://localhost:8000/v1", and the model's name there.
        key: the service's key, or "". It is sent as a bearer token and shown nowhere.
        instruction: what the model is asked.
        size: longest side of the picture that is sent, in pixels.
        concurrency, timeout, attempts: requests at once, seconds of one try, tries.
    """

    endpoint: str
    name: str
    key: str = field(default="", repr=False)
    instruction: str = INSTRUCTION
    size: int = 1024
    concurrency: int = 8
    timeout: float = 120.0
    attempts: int = 6

    def describe(self, photos: Sequence[Photo]) -> Iterator[Caption]:
        """A caption of each photo, in order, some photos ahead of what has been taken.

        Raises:
            UserError: a wrong key or address, or nobody who answers there.
        """
        stop = threading.Event()
        connection = chat.client(self.endpoint, self.key, self.concurrency, self.timeout)
        with connection, ThreadPoolExecutor(self.concurrency) as pool:
            service = chat.Chat(connection, self.attempts, self.timeout, stop, secret=self.key)
            asked: deque[Future[Caption]] = deque()
            try:
                for photo in photos:
                    asked.append(pool.submit(self._ask, service, photo))
                    if len(asked) >= 2 * self.concurrency:
                        yield asked.popleft().result()
                while asked:
                    yield asked.popleft().result()
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, service: chat.Chat, photo: Photo) -> Caption:
        try:
            reply = self._reply(service, read_photo(photo.file, self.size), photo)
            return Caption(photo, *caption_of(reply))
        except Unreadable as reason:
            return Caption(photo, None, str(reason))
        except chat.UnreachableError as error:
            return Caption(photo, None, f"no answer: {error}", reached=False)
        except (chat.RefusedError, chat.RejectedError, chat.UnreadableError) as error:
            return Caption(photo, None, f"the service does not caption it: {error}")

    def _reply(self, service: chat.Chat, image: Image, photo: Photo) -> dict[str, Any]:
        content = [
            {"type": "text", "text": self.instruction},
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_jpeg(image)}"}},
        ]
        body = {"model": self.name, "messages": [{"role": "user", "content": content}]}
        rng = random.Random(seed_of("retry", photo.id))
        try:
            return service.complete(body | _OPTIONS, rng)
        except chat.RejectedError as error:
            if error.status not in UNSUPPORTED:
                raise
            return service.complete(body, rng)


def _jpeg(image: Image) -> str:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return base64.b64encode(data.tobytes()).decode()


def caption_of(reply: dict[str, Any]) -> tuple[str | None, str]:
    """The caption in a chat completion, or None and why there is none."""
    try:
        choice = reply["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        refusal, text = message.get("refusal"), chat.text_of(message.get("content"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return None, "the reply is no chat completion"
    if refusal or finish == "content_filter":
        return None, f"refused: {refusal or finish}"[:200]
    cleaned = tidy(text, cut=finish == "length")
    return (cleaned, "") if cleaned else (None, "an empty reply")


def tidy(text: str, *, cut: bool = False) -> str:
    """One line of words: without thoughts before it, line breaks, and quotation marks around it.

    Args:
        text: what a model wrote.
        cut: it stopped for its length, so that an unfinished last sentence goes where another is left.
    """
    words = " ".join(text.rpartition("</think>")[2].split())
    if len(words) > 1 and words[0] + words[-1] in ('""', "''", "“”", "«»"):
        words = words[1:-1].strip()
    whole, dot, _ = words.rpartition(". ") if not words.endswith(".") else (words, "", "")
    return f"{whole}." if cut and dot else words


class Local:
    """An image-text-to-text model of transformers, from a folder or the hub, safetensors alone.

    Raises:
        UserError: no such model, or none that describes pictures.
    """

    def __init__(self, source: str, device: str, instruction: str = INSTRUCTION, size: int = 1024) -> None:
        from asap.backbones.vision_language import VisionLanguage

        self.instruction, self.size = instruction, size
        self.name = Path(source).name if Path(source).exists() else source  # no path of this machine
        try:
            self._model = VisionLanguage(source, device)
        except UserError as error:
            raise UserError(f"--model {source} cannot caption: {error}") from None

    def describe(self, photos: Sequence[Photo]) -> Iterator[Caption]:
        """A caption of each photo, in order; the most likely words, so always the same."""
        for photo in photos:
            try:
                text = tidy(self._words(read_photo(photo.file, self.size)), cut=True)
            except Unreadable as reason:
                yield Caption(photo, None, str(reason))
            else:
                yield Caption(photo, text or None, "" if text else "an empty reply")

    def _words(self, image: Image) -> str:
        return self._model.say([Pillow.fromarray(image)], self.instruction, LONGEST).text
