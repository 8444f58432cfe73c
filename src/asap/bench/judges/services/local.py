"""A vision-language model of transformers in this process, such as Qwen2.5-VL or Qwen3-VL."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image as Pillow

from asap.bench.judges.services.service import Access, Picture, Reply
from asap.chat import RejectedError, UnreachableError
from asap.errors import UserError
from asap.store import folder_id

LONGEST = 1024
"""Tokens of an answer."""


class Local:
    """Asks the model one question after the other; that it answers in JSON is up to the model alone."""

    name = "local"
    concurrency = 1

    def __init__(self, access: Access) -> None:
        """Raises UserError: no model named."""
        if not access.model_name:
            raise UserError("--service local needs --model-name: a model's folder, or its id on the hub")
        self.access = access
        self.place = access.model_name
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @property
    def settings(self) -> Mapping[str, object]:
        """The model's hub id, or its folder's name and the id of the weights and settings in it."""
        folder = Path(self.access.model_name)
        told: dict[str, object] = {"model_name": self.access.model_name}
        if folder.is_dir():
            files = [folder_id(folder, pattern) for pattern in ("*.safetensors", "*.json", "*.jinja")]
            told = {"model_name": folder.resolve().name, "files": files}
        return {**told, "temperature": self.access.temperature, "longest": LONGEST}

    def __enter__(self) -> Self:
        """Load the model.

        Raises:
            UserError: there is none, none that answers questions about pictures, or no such device.
        """
        from asap.backbones.vision_language import VisionLanguage

        try:
            self._model = VisionLanguage(self.access.model_name, self.access.device)
        except UserError as error:
            raise UserError(f"--model-name {self.access.model_name} cannot judge: {error}") from None
        if not self._model.talks:
            raise UserError(
                f"--model-name {self.access.model_name} takes no questions: it has no chat template"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._model

    def stop(self) -> None:
        self._stop.set()

    def ask(
        self, images: Sequence[Picture], text: str, schema: Mapping[str, Any], rng: random.Random
    ) -> Reply:
        from torch import OutOfMemoryError

        pictures = [Pillow.open(BytesIO(image.data)).convert("RGB") for image in images]
        seed, temperature = rng.getrandbits(63), self.access.temperature
        with self._lock:
            if self._stop.is_set():
                raise UnreachableError("given up")
            try:
                said = self._model.say(
                    pictures, text, LONGEST, temperature=temperature, seed=seed, stop=self._stop.is_set
                )
            except OutOfMemoryError as error:
                raise RejectedError(f"the device's memory is too small for it ({error})"[:200], 413) from None
        if self._stop.is_set():
            raise UnreachableError("given up")
        return Reply(said.text, "", said.tokens_in, said.tokens_out)
