"""CLIP for rewards: transformers' CLIPModel, also from weights in open_clip's names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from asap.backbones.parts import readable_errors
from asap.bench.rewards.weights import State, Weights, below, filled, folder_of

LONGEST = 77
"""Tokens of a text, the first and the last included; what is longer is cut."""
VIT_H = {
    "projection_dim": 1024,
    "text_config": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 1024,
    },
    "vision_config": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 16,
        "patch_size": 14,
        "hidden_act": "gelu",
        "projection_dim": 1024,
    },
}
"""open_clip's ViT-H-14, as transformers' CLIPConfig says it."""

_TOWER = {
    r"transformer\.resblocks\.(\d+)\.ln_(\d)\.": r"encoder.layers.\1.layer_norm\2.",
    r"transformer\.resblocks\.(\d+)\.attn\.out_proj\.": r"encoder.layers.\1.self_attn.out_proj.",
    r"transformer\.resblocks\.(\d+)\.mlp\.c_fc\.": r"encoder.layers.\1.mlp.fc1.",
    r"transformer\.resblocks\.(\d+)\.mlp\.c_proj\.": r"encoder.layers.\1.mlp.fc2.",
    r"transformer\.resblocks\.(\d+)\.attn\.in_proj_": r"encoder.layers.\1.self_attn.in_proj.",
    r"token_embedding\.": "embeddings.token_embedding.",
    r"positional_embedding$": "embeddings.position_embedding.weight",
    r"class_embedding$": "embeddings.class_embedding",
    r"conv1\.": "embeddings.patch_embedding.",
    r"ln_pre\.": "pre_layrnorm.",
    r"ln_post\.": "post_layernorm.",
    r"ln_final\.": "final_layer_norm.",
}
"""Names in a tower of open_clip -> in one of transformers; in_proj is split afterwards."""


def to_transformers(state: State) -> State:
    """Weights in open_clip's names under those of transformers' CLIPModel; others are left as they are."""
    if "visual.conv1.weight" not in state:
        return dict(state)
    found: State = {}
    for name, value in state.items():
        if name == "logit_scale":
            found[name] = value
        elif name in ("text_projection", "visual.proj"):
            found[f"{name.removesuffix('.proj').removesuffix('_projection')}_projection.weight"] = value.T
        elif name.startswith("visual."):
            found |= _renamed("vision_model.", name.removeprefix("visual."), value)
        else:
            found |= _renamed("text_model.", name, value)
    return found


def _renamed(tower: str, name: str, value: Tensor) -> State:
    for pattern, new in _TOWER.items():
        name, count = re.subn(f"^{pattern}", new, name)
        if count:
            break
    if ".in_proj." not in name:
        return {tower + name: value}
    thirds = zip(("q_proj", "k_proj", "v_proj"), value.chunk(3))
    return {tower + name.replace("in_proj", third): rows.contiguous() for third, rows in thirds}


class Clip:
    """A CLIPModel with its tokenizer.

    Args:
        weights: in the names of transformers or of open_clip. Where there is no `config.json` beside them
            they must be of a ViT-H-14.
        base: where the tokenizer is if it is not beside the weights: a folder or a hub id.

    Raises:
        UserError: weights of another model, or no tokenizer.
    """

    def __init__(self, weights: Weights, base: str, device: str, dtype: str, what: str) -> None:
        state = to_transformers(below(weights, "logit_scale", what))
        config = config_of(weights.folder, transformers.CLIPConfig, VIT_H)
        self._model = filled(lambda: transformers.CLIPModel(config), state, weights.source, device, dtype)
        self._tokens = tokenizer(weights.folder, base, transformers.CLIPTokenizer)
        self._device, self._dtype = device, getattr(torch, dtype)
        self.side = int(config.vision_config.image_size)

    @property
    def scale(self) -> float:
        """By which PickScore multiplies cosines."""
        return float(self._model.logit_scale.float().exp())

    def cosines(self, pixels: Tensor, texts: Sequence[str]) -> Tensor:
        """(B,) the cosine of each image's embedding, `pixels` (B, 3, S, S), with its text's."""
        words = self._tokens(
            list(texts), padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        with torch.inference_mode():
            found = self._model(
                input_ids=words["input_ids"].to(self._device),
                attention_mask=words["attention_mask"].to(self._device),
                pixel_values=pixels.to(self._device, self._dtype),
            )
        cosines: Tensor = (found.image_embeds.float() * found.text_embeds.float()).sum(-1)
        return cosines.cpu()


def config_of(folder: Path, kind: Any, default: dict[str, Any] | None = None) -> Any:
    """The transformers configuration beside weights, or the published one."""
    if default is not None and not (folder / "config.json").is_file():
        return kind(**default)
    with readable_errors(str(folder), "the configuration"):
        return kind.from_pretrained(folder)


def tokenizer(folder: Path, base: str, kind: Any) -> Any:
    """The tokenizer of class `kind` in `folder`, or else in `base`, a folder or a hub id."""
    there = any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json", "vocab.txt"))
    place = folder if there else folder_of(base)
    with readable_errors(str(place), "the tokenizer"):
        return kind.from_pretrained(place, local_files_only=True)
