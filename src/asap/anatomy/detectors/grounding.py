"""Boxes by words and masks by boxes: Grounding DINO and SAM 2, as plain functions of a picture.

References: Liu et al., "Grounding DINO", ECCV 2024; Ravi et al., "SAM 2: Segment Anything in Images and
Videos", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch.nn import functional

from asap.records import Image, Mask

BOX_SCORE, WORD_SCORE = 0.3, 0.25
"""Least score of a box, and of a word for it: the authors' own."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of colours in [0, 1], as SAM 2 wants them."""


class Grounded(NamedTuple):
    """A box (4,) left, top, right, bottom in pixels, one of the words asked for, and a score in [0, 1]."""

    box: NDArray[np.float64]
    word: str
    score: float


class Grounder:
    """Grounding DINO from a folder in transformers' layout."""

    def __init__(self, folder: str, device: str) -> None:
        processor = getattr(transformers, "GroundingDinoImageProcessorPil", None)  # without torchvision
        images = (processor or transformers.GroundingDinoImageProcessor).from_pretrained(folder)
        tokens = transformers.AutoTokenizer.from_pretrained(folder)
        self._processor = transformers.GroundingDinoProcessor(images, tokens)
        self._model: Any = _loaded(transformers.GroundingDinoForObjectDetection, folder, device)
        self._device = device

    def boxes(self, image: Image, words: Sequence[str]) -> list[Grounded]:
        """What is found by any of `words`, which are single lower-case ones; the surest first."""
        text = " ".join(f"{word}." for word in words)
        inputs = self._processor(images=Pillow.fromarray(image), text=text, return_tensors="pt")
        with torch.inference_mode():
            outputs = self._model(**inputs.to(self._device))
        (answer,) = self._processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=BOX_SCORE,
            text_threshold=WORD_SCORE,
            target_sizes=[image.shape[:2]],
        )
        boxes, scores = answer["boxes"].cpu().numpy().astype(np.float64), answer["scores"].tolist()
        found = [
            Grounded(box, word, float(score))
            for box, score, label in zip(boxes, scores, answer["text_labels"])
            if (word := next((word for word in words if word in label.split()), None))
        ]
        return sorted(found, key=lambda one: -one.score)


class Segmenter:
    """SAM 2 from a folder in transformers' layout.

    The picture is prepared here as `Sam2ImageProcessor` does it, which wants torchvision.
    """

    def __init__(self, folder: str, device: str) -> None:
        self._model: Any = _loaded(transformers.Sam2Model, folder, device)
        self._side = int(self._model.config.prompt_encoder_config.image_size)
        self._device = device

    def masks(self, image: Image, boxes: Sequence[NDArray[np.float64]]) -> list[Mask]:
        """(H, W) for each box the mask of the thing in it."""
        if not boxes:
            return []
        height, width = image.shape[:2]
        scale = np.array([self._side / width, self._side / height] * 2)
        scaled = torch.tensor(np.stack(boxes) * scale, dtype=torch.float32)[None]
        with torch.inference_mode():
            pixels = self._pixels(image).to(self._device)
            answer = self._model(
                pixel_values=pixels, input_boxes=scaled.to(self._device), multimask_output=False
            )
            return [self._enlarged(mask, height, width) for mask in answer.pred_masks[0, :, 0]]

    def _pixels(self, image: Image) -> torch.Tensor:
        small = Pillow.fromarray(image).resize((self._side, self._side), Pillow.Resampling.BILINEAR)
        colours = (np.asarray(small, np.float32) / 255 - MEAN) / DEVIATION
        return torch.tensor(colours, dtype=torch.float32).permute(2, 0, 1)[None]

    def _enlarged(self, logits: torch.Tensor, height: int, width: int) -> Mask:
        whole = functional.interpolate(logits[None, None].float(), (height, width), mode="bilinear")
        return np.asarray(whole[0, 0].cpu().numpy() > 0)


def _loaded(kind: Any, folder: str, device: str) -> Any:
    model = kind.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    return model.to(device).eval()
