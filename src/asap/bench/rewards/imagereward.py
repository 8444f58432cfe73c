"""ImageReward: BLIP reads text and image together, a head says how it is liked; mean 0, deviation 1.

Xu et al., "ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation", 2023.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
import transformers
from torch import Tensor

from asap.backbones.parts import readable_errors
from asap.bench.rewards import weights
from asap.bench.rewards.clip import tokenizer
from asap.bench.rewards.heads import head, head_state
from asap.bench.rewards.pictures import cropped, rounded
from asap.bench.rewards.reward import Setup
from asap.bench.rewards.weights import State, Weights, below, filled, part
from asap.errors import UserError
from asap.records import Image

BASE = "google-bert/bert-base-uncased"
MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Of the head's values on its training pictures."""
LONGEST = 35
"""Tokens of a text; shorter ones are filled up, longer ones are cut."""
VISION = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 16,
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
}
TEXT = {
    "vocab_size": 30524,
    "hidden_size": 768,
    "encoder_hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
}
"""BLIP's ViT-L/16 and its BERT with cross-attention, as transformers' configurations say it."""

_VISION_NAMES = {
    r"^cls_token$": "embeddings.class_embedding",
    r"^pos_embed$": "embeddings.position_embedding",
    r"^patch_embed\.proj\.": "embeddings.patch_embedding.",
    r"^blocks\.(\d+)\.attn\.proj\.": r"encoder.layers.\1.self_attn.projection.",
    r"^blocks\.(\d+)\.attn\.qkv\.": r"encoder.layers.\1.self_attn.qkv.",
    r"^blocks\.(\d+)\.norm(\d)\.": r"encoder.layers.\1.layer_norm\2.",
    r"^blocks\.(\d+)\.mlp\.": r"encoder.layers.\1.mlp.",
    r"^norm\.": "post_layernorm.",
}
"""Names in BLIP's own image encoder -> in transformers' BlipVisionModel."""


def vision_state(state: Mapping[str, Tensor]) -> State:
    """The image encoder's weights, in BLIP's names or in transformers', in the latter."""
    return {_vision_name(name): value for name, value in state.items()}


def _vision_name(name: str) -> str:
    for pattern, new in _VISION_NAMES.items():
        name, count = re.subn(pattern, new, name)
        if count:
            break
    return name


class ImageReward:
    """(head(t) - mean) / deviation of the text encoder's first state t; see `reward.Reward`."""

    name = "imagereward"
    reads_text = True

    def __init__(self, setup: Setup) -> None:
        if not setup.model:
            raise UserError(
                "the reward `imagereward` needs --model FILE: ImageReward.pt of the hub's THUDM/ImageReward, "
                "converted to .safetensors as docs/rewards.md shows"
            )
        found = weights.read(setup.model)
        state = below(found, "mlp.layers.0.weight", "ImageReward")
        seen, said = _configs(found)
        rest = (found.source, setup.device)
        self._vision = filled(
            lambda: transformers.BlipVisionModel(seen),
            vision_state(part(state, "blip.visual_encoder.")),
            *rest,
            setup.dtype,
        )
        self._text = filled(
            lambda: transformers.BlipTextModel(said, add_pooling_layer=False),
            part(state, "blip.text_encoder."),
            *rest,
            setup.dtype,
        )
        self._head = filled(
            lambda: head(said.hidden_size), head_state(state, "mlp.layers."), *rest, "float32"
        )
        self._tokens = tokenizer(found.folder, setup.base or BASE, transformers.BertTokenizer)
        self._side, self._setup = int(seen.image_size), setup
        self.settings: dict[str, object] = {"weights": found.id, "dtype": setup.dtype}

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """The shorter side to 224, the centre of it; 35 tokens of text."""
        pixels = torch.stack([cropped(image, self._side, rounded) for image in images])
        words = self._tokens(
            list(texts), padding="max_length", truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        device, kind = self._setup.device, getattr(torch, self._setup.dtype)
        with torch.inference_mode():
            seen = self._vision(pixel_values=pixels.to(device, kind)).last_hidden_state
            read = self._text(
                input_ids=words["input_ids"].to(device),
                attention_mask=words["attention_mask"].to(device),
                encoder_hidden_states=seen,
                encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=device),
                is_decoder=False,
            ).last_hidden_state
            values = (self._head(read[:, 0].float())[:, 0] - MEAN) / STD
        return [float(value) for value in values.cpu()]


def _configs(found: Weights) -> tuple[transformers.BlipVisionConfig, transformers.BlipTextConfig]:
    """Those of a BlipConfig beside the weights, or the published ones."""
    if not (found.folder / "config.json").is_file():
        return transformers.BlipVisionConfig(**VISION), transformers.BlipTextConfig(**TEXT)
    with readable_errors(found.source, "the configuration"):
        both = transformers.BlipConfig.from_pretrained(found.folder)
    return both.vision_config, both.text_config
