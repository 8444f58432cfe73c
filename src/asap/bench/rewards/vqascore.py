"""VQAScore: how probably a vision-language model says "Yes" when asked whether the image shows the text.

Lin et al., "Evaluating Text-to-Visual Generation with Image-to-Text Generation", ECCV 2024. Any image-text
model of transformers answers; the authors' own CLIP-FlanT5 is not among these.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import transformers
from PIL import Image as Pillow

from asap.backbones.parts import readable_errors
from asap.bench.rewards.reward import Setup
from asap.bench.rewards.weights import folder_of
from asap.errors import UserError
from asap.records import Image
from asap.store import content_id, folder_id

MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
QUESTION, ANSWER = 'Does this figure show "{}"? Please answer yes or no.', "Yes"


class VQAScore:
    """P("Yes" | image, question), by the first token of the answer; see `reward.Reward`."""

    name = "vqascore"
    reads_text = True

    def __init__(self, setup: Setup) -> None:
        source = setup.model or MODEL
        folder = folder_of(source, ("*.safetensors",))
        if not any(folder.glob("*.safetensors")):
            raise UserError(f"{source} holds no .safetensors file; give a model in transformers' layout")
        with readable_errors(source, "an image-text model"):
            self._model = transformers.AutoModelForImageTextToText.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, dtype=getattr(torch, setup.dtype)
            )
        self._model = self._model.to(setup.device).eval()
        self._processor = _processor(folder, source)
        self._yes = self._processor.tokenizer.encode(ANSWER, add_special_tokens=False)[0]
        self._setup = setup
        self.settings: dict[str, object] = {
            "weights": folder_id(folder, "*.safetensors"),
            "question": content_id(QUESTION, ANSWER),
            "dtype": setup.dtype,
        }

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """In [0, 1]; images as the model's own processor prepares them."""
        inputs = self._processor(
            images=[[Pillow.fromarray(image)] for image in images],
            text=[self._asked(text) for text in texts],
            padding=True,
            return_tensors="pt",
        ).to(self._setup.device, getattr(torch, self._setup.dtype))
        with torch.inference_mode():
            # padded on the left, so that the last place is every text's end
            logits = self._model(**inputs).logits[:, -1].float()
        return [float(value) for value in logits.softmax(-1)[:, self._yes].cpu()]

    def _asked(self, text: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": QUESTION.format(text)}]
        asked: str = self._processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        return asked


def _processor(folder: object, source: str) -> transformers.ProcessorMixin:
    try:
        found = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
    except ImportError as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"the processor of {source} wants another package ({reason}); install it") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"cannot load the processor of {source}: {reason}") from None
    if not getattr(found, "chat_template", None):
        raise UserError(f"{source} has no chat template, so it cannot be asked; give an instructed model")
    found.tokenizer.padding_side = "left"
    return found
