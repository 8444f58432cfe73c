"""HPSv3: Qwen2-VL reads image, prompt and a question, a head on one token says how it is liked.

Ma et al., "HPSv3: Towards Wide-Spectrum Human Preference Score", 2025. The head gives a mean and a deviation;
the mean is the score, mostly -5 to 15.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from PIL import Image as Pillow
from torch import Tensor, nn

from asap.backbones.parts import readable_errors
from asap.bench.rewards import weights
from asap.bench.rewards.clip import config_of
from asap.bench.rewards.pictures import normalized, unit
from asap.bench.rewards.reward import Setup
from asap.bench.rewards.weights import State, below, filled, folder_of, part
from asap.errors import UserError
from asap.records import Image
from asap.store import content_id

MODEL, BASE = "MizzenAI/HPSv3", "Qwen/Qwen2-VL-7B-Instruct"
TOKEN = "<|Reward|>"
PIXELS = 256 * 28 * 28
"""Of an image, about: HPSv3 makes all images this large, in their own shape."""
WIDTHS = (1024, 16, 2)
BEFORE = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n<|vision_start|>{image}<|vision_end|>"
)
AFTER = "<|im_end|>\n<|im_start|>assistant\n"
"""Qwen2-VL's form of a conversation."""


class Question(NamedTuple):
    """What is asked, with `{text_prompt}` where the prompt goes, and the end with the reward's token."""

    instruction: str
    ending: str


def question(path: Path | None) -> Question:
    """HPSv3's question, read from the file of its package that has it, which is parsed and never run.

    Raises:
        UserError: no file, or no question in it.
    """
    if path is None:
        raise UserError(
            "the reward `hpsv3` needs --instruction FILE: hpsv3/dataset/data_collator_qwen.py of its "
            "repository, which holds its question"
        )
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path}: cannot be read as Python ({type(error).__name__}); give HPSv3's") from None
    found = dict(_constants(tree))
    asked, ending = found.get("INSTRUCTION", ""), found.get("prompt_with_special_token", "")
    if "{text_prompt}" not in asked or ending.count(TOKEN) != 1:
        raise UserError(f"{path}: no INSTRUCTION and prompt_with_special_token there; give HPSv3's file")
    return Question(asked, ending)


def _constants(tree: ast.Module) -> list[tuple[str, str]]:
    """The texts that the module gives names."""
    return [
        (target.id, node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    ]


def qwen_state(state: Mapping[str, Tensor]) -> State:
    """Weights in either of the names that transformers had for Qwen2-VL, under those of its Qwen2VLModel."""
    found: State = {}
    for name, value in state.items():
        if name.startswith(("lm_head.", "rm_head.")):
            continue
        plain = name.removeprefix("model.")
        known = plain.startswith(("visual.", "language_model."))
        found[plain if known else f"language_model.{plain}"] = value
    return found


def head(width: int) -> nn.Module:
    """The head on states of `width` numbers: mean and deviation."""
    first, second, last = WIDTHS
    return nn.Sequential(
        nn.Linear(width, first),
        nn.ReLU(),
        nn.Identity(),  # dropout in training
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, last),
    )


def size_of(height: int, width: int, factor: int) -> tuple[int, int]:
    """Height and width in whole `factor`s that make about `PIXELS`, in the image's shape."""
    tall, wide = (max(factor, round(edge / factor) * factor) for edge in (height, width))
    scale = math.sqrt(height * width / PIXELS)
    if tall * wide > PIXELS:
        tall, wide = (math.floor(edge / scale / factor) * factor for edge in (height, width))
    elif tall * wide < PIXELS:
        tall, wide = (math.ceil(edge / scale / factor) * factor for edge in (height, width))
    return max(factor, tall), max(factor, wide)


def patches(image: Image, patch: int, merge: int, frames: int) -> tuple[Tensor, tuple[int, int]]:
    """The image as Qwen2-VL takes it, (h * w, 3 * frames * patch**2), and its h and w in patches.

    Patches that are merged later stand side by side; a picture is a film of `frames` equal ones.
    """
    tall, wide = size_of(image.shape[0], image.shape[1], patch * merge)
    small = Pillow.fromarray(image).resize((wide, tall), Pillow.Resampling.BICUBIC)
    colours = normalized(unit(np.asarray(small)))
    rows, columns = tall // patch, wide // patch
    cut = colours.reshape(3, rows // merge, merge, patch, columns // merge, merge, patch)
    cut = cut.permute(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None].expand(-1, -1, -1, -1, -1, frames, -1, -1)
    return cut.reshape(rows * columns, -1), (rows, columns)


class HPSv3:
    """The first of the two numbers that the head gives at `TOKEN`; see `reward.Reward`."""

    name = "hpsv3"
    reads_text = True

    def __init__(self, setup: Setup) -> None:
        self._question = question(setup.instruction)
        found, base = weights.read(setup.model or MODEL), folder_of(setup.base or BASE)
        state = below(found, "rm_head.0.weight", "HPSv3")
        config, own = config_of(base, transformers.Qwen2VLConfig), qwen_state(state)
        embedding = own.get("language_model.embed_tokens.weight")
        if embedding is not None:  # HPSv3 cut and lengthened it for its token
            config.text_config.vocab_size = len(embedding)
        rest = (found.source, setup.device)
        self._model = filled(lambda: transformers.Qwen2VLModel(config), own, *rest, setup.dtype)
        width = int(config.text_config.hidden_size)
        self._head = filled(lambda: head(width), part(state, "rm_head."), *rest, "float32")
        with readable_errors(str(base), "the tokenizer"):
            self._tokens = transformers.AutoTokenizer.from_pretrained(base, local_files_only=True)
        self._tokens.add_special_tokens({"additional_special_tokens": [TOKEN]})
        self._config, self._setup = config, setup
        self.settings: dict[str, object] = {
            "weights": found.id,
            "question": content_id(self._question),
            "dtype": setup.dtype,
        }

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """Every image at about 200,704 pixels, and every text whole."""
        inputs, mark = self._inputs(images, texts), self._tokens.convert_tokens_to_ids(TOKEN)
        with torch.inference_mode():
            states = self._model(**inputs, use_cache=False).last_hidden_state
            # The last one: a prompt may hold the token's name.
            place = [int((ids == mark).nonzero()[-1]) for ids in inputs["input_ids"]]
            values = self._head(states[range(len(place)), place].float())[:, 0]
        return [float(value) for value in values.cpu()]

    def _inputs(self, images: Sequence[Image], texts: Sequence[str]) -> dict[str, Any]:
        vision, device = self._config.vision_config, self._setup.device
        sizes = (vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size)
        cut = [patches(image, *sizes) for image in images]
        counts = [rows * columns // vision.spatial_merge_size**2 for _, (rows, columns) in cut]
        said = [self._said(text, count) for text, count in zip(texts, counts, strict=True)]
        words = self._tokens(said, padding=True, padding_side="right", return_tensors="pt")
        ids = words["input_ids"].to(device)
        # HPSv3 gives its model embeddings alone, so that image tokens too count as places in a line.
        places = torch.arange(ids.shape[1], device=device).expand(3, *ids.shape)
        return {
            "input_ids": ids,
            "attention_mask": words["attention_mask"].to(device),
            "position_ids": places,
            "pixel_values": torch.cat([one for one, _ in cut]).to(device, getattr(torch, self._setup.dtype)),
            "image_grid_thw": torch.tensor([(1, *grid) for _, grid in cut], device=device),
        }

    def _said(self, text: str, count: int) -> str:
        asked = self._question.instruction.format(text_prompt=text) + self._question.ending
        image = self._tokens.convert_ids_to_tokens(self._config.image_token_id) * count
        return BEFORE.format(image=image) + asked + AFTER
