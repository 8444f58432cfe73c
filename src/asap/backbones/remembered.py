"""A pipeline's text embeddings, kept so that its text encoders can go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from asap.errors import UserError


class Remembered:
    """`encode_prompt` of a pipeline, whose answers wait on the CPU for the same question.

    Raises, when called after `forget`:
        UserError: a prompt, or a guidance, that it was not asked for before.
    """

    def __init__(self, encode: Callable[..., Any]) -> None:
        self._encode: Callable[..., Any] | None = encode
        self._known: dict[str, tuple[Any, Any]] = {}

    def forget(self) -> None:
        """Answer only what is known from now on."""
        self._encode = None

    def __call__(self, *args: Any, **settings: Any) -> Any:
        question = repr((args, sorted(settings.items())))
        if question not in self._known:
            if self._encode is None:
                raise UserError("the text encoders are gone, and this prompt was not drawn before")
            answer = self._encode(*args, **settings)
            self._known[question] = _moved(answer, torch.device("cpu")), _device(answer)
        return _moved(*self._known[question])


def _device(value: Any) -> torch.device | None:
    """Where the first tensor in it is."""
    if isinstance(value, torch.Tensor):
        return value.device
    found = (_device(item) for item in value) if isinstance(value, tuple | list) else ()
    return next((device for device in found if device is not None), None)


def _moved(value: Any, device: torch.device | None) -> Any:
    """A copy of what pipelines return, tensors in tuples and lists, with its tensors on `device`."""
    if isinstance(value, torch.Tensor):
        return value.detach().to(device, copy=True)
    if isinstance(value, tuple | list):
        return type(value)(_moved(item, device) for item in value)
    return value


@contextmanager
def remembering(pipeline: Any) -> Iterator[None]:
    """Inside, `pipeline` keeps what it encodes; afterwards it has no text encoders, and draws that alone."""
    remembered = Remembered(pipeline.encode_prompt)
    pipeline.encode_prompt = remembered
    yield
    remembered.forget()
    encoders = [name for name in pipeline.components if name.startswith("text_encoder")]
    pipeline.register_modules(**dict.fromkeys(encoders))
