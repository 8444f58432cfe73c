"""A vision-language model of transformers in this process: pictures and a text in, a text out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from PIL.Image import Image as Picture
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from asap.backbones import hub
from asap.backbones.parts import DTYPES, device_for, dtype_for
from asap.errors import UserError


class Said(NamedTuple):
    """A model's words, and the tokens that it was given and wrote."""

    text: str
    tokens_in: int
    tokens_out: int


class VisionLanguage:
    """An image-text-to-text model from a folder or the hub, safetensors alone, no code of its own.

    Attributes:
        talks: whether it takes questions; one that does not only captions.

    Raises:
        UserError: no such model or device, or none that describes pictures.
    """

    def __init__(self, source: str, device: str = "") -> None:
        self.device = device_for(device or "auto")
        dtype = DTYPES[dtype_for("auto", self.device)]
        local = Path(source).exists()
        settings = {"local_files_only": True} if local else {}
        try:
            with nullcontext() if local else hub.or_cache("model", source, "config.json"):
                self._processor = _processor(source, settings)
                model = AutoModelForImageTextToText.from_pretrained(
                    source, dtype=dtype, use_safetensors=True, **settings
                )
            self._model = model.to(self.device).eval()
        except UserError:
            raise
        except Exception as error:  # transformers raises of many kinds
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{type(error).__name__}: {reason}") from None
        self.talks = bool(getattr(self._processor, "chat_template", None))

    def say(
        self,
        pictures: Sequence[Picture],
        text: str,
        longest: int,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Callable[[], bool] | None = None,
    ) -> Said:
        """What it says to `text` about `pictures`, shown in their order before it.

        Args:
            longest: the most tokens.
            temperature: 0 for the likeliest words, else they are sampled from `seed` on.
            stop: asked after every token; True ends it there.
        """
        given, start = self._inputs(pictures, text)
        settings: dict[str, Any] = {"max_new_tokens": longest, "do_sample": temperature > 0}
        if temperature > 0:
            settings["temperature"] = temperature
        if stop is not None:
            settings["stopping_criteria"] = [_until(stop)]
        devices = [self.device] if self.device.startswith("cuda") else []
        with torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            tokens = self._model.generate(**given, **settings)
        words = self._processor.batch_decode(tokens[:, start:], skip_special_tokens=True)[0]
        return Said(str(words), start, int(tokens.shape[1]) - start)

    def _inputs(self, pictures: Sequence[Picture], text: str) -> tuple[Any, int]:
        """The model's inputs, and how many of the tokens that it returns are not its own."""
        if not self.talks:
            given, start = self._processor(images=list(pictures), return_tensors="pt"), 0
        else:
            content = [{"type": "image", "image": picture} for picture in pictures]
            given = self._processor.apply_chat_template(
                [{"role": "user", "content": [*content, {"type": "text", "text": text}]}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
            start = int(given["input_ids"].shape[1])
        return given.to(self.device, self._model.dtype), start


def _until(stop: Callable[[], bool]) -> Callable[..., Any]:
    """A stopping criterion of transformers."""

    def ended(tokens: torch.Tensor, _: Any, **__: Any) -> torch.Tensor:
        return torch.full((len(tokens),), stop(), dtype=torch.bool, device=tokens.device)

    return ended


def _processor(source: str, settings: dict[str, Any]) -> Any:
    """The processor in `source`; where torchvision is missing, one that does without its video half."""
    if importlib.util.find_spec("torchvision") is None:
        config = AutoConfig.from_pretrained(source, **settings)
        kind = getattr(transformers, PROCESSOR_MAPPING_NAMES.get(config.model_type) or "", None)
        if kind is not None and "video_processor" in kind.get_attributes():
            return _without_video(kind).from_pretrained(source, **settings)
    return AutoProcessor.from_pretrained(source, **settings)


def _without_video(kind: Any) -> Any:
    """A processor's class for pictures and words alone: that of videos needs torchvision."""
    names = [name for name in kind.get_attributes() if name != "video_processor"]
    return type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda _: names)})
