"""A LoRA in the forms that other programs read: kohya's sd-scripts and musubi-tuner, ComfyUI.

A layer changes by scale * up @ down, with scale = alpha / rank. Kohya's form names layers as the model's
first publisher does, with underscores, and stores alpha beside the matrices. Where that publisher computes
query, key and value (and a feed-forward input) by one matrix, their LoRAs become one of the sum of their
ranks: downs one above the other, ups as the blocks of a diagonal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from asap.errors import UserError

KOHYA, TRANSFORMER = "lora_unet_", "transformer."


class Layer(NamedTuple):
    """A layer's LoRA: down (rank, in) and up (out, rank), and alpha."""

    down: Tensor
    up: Tensor
    alpha: float


Layers = Mapping[str, Layer]
"""By the layer's name in diffusers' denoiser."""


def read(path: Path) -> Layers:
    """The layers of a LoRA in diffusers' form.

    Raises:
        UserError: it is damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = json.loads((file.metadata() or {}).get("lora_adapter_metadata", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); give a LoRA that `asap train` made") from None
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = re.fullmatch(r"(?:unet|transformer)\.(.+)\.(?:lora_|lora\.)(A|B|down|up)\.weight", name)
        if not match:
            raise UserError(f"{path} holds {name}, which is no LoRA of a denoiser in diffusers' form")
        found.setdefault(match[1], {})[{"A": "down", "B": "up"}.get(match[2], match[2])] = tensor
    alphas = [float(value) for name, value in metadata.items() if name.endswith(".lora_alpha")]
    return {
        name: Layer(**pair, alpha=alphas[0] if alphas else len(pair["down"])) for name, pair in found.items()
    }


def kohya(layers: Layers, family: str) -> dict[str, Tensor]:
    """Kohya's form of the LoRA of a model of `family`.

    Raises:
        UserError: no such form is known for the family.
    """
    if family not in NAMED:
        raise UserError(f"no form of kohya's is known for {family}; it is for {', '.join(NAMED)}")
    tensors = {}
    for name, layer in NAMED[family](layers).items():
        stem = KOHYA + name.replace(".", "_")
        tensors[f"{stem}.lora_down.weight"] = layer.down
        tensors[f"{stem}.lora_up.weight"] = layer.up
        tensors[f"{stem}.alpha"] = torch.tensor(layer.alpha)
    return tensors


def comfyui(layers: Layers, family: str) -> dict[str, Tensor]:
    """What ComfyUI reads for a model of `family`: kohya's form, or diffusers' names of a transformer.

    Those carry no alpha, as few programs look for one there: the scale is multiplied into the ups.

    Raises:
        UserError: no such form is known for the family.
    """
    if family not in PREFIXED:
        if family not in NAMED:
            known = ", ".join(sorted({*NAMED, *PREFIXED}))
            raise UserError(f"ComfyUI reads no {family}, as far as is known; it reads {known}")
        return kohya(layers, family)
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{TRANSFORMER}{name}.lora_A.weight"] = layer.down
        tensors[f"{TRANSFORMER}{name}.lora_B.weight"] = layer.up * (layer.alpha / len(layer.down))
    return tensors


def fused(layers: Sequence[Layer], width: int = 0) -> Layer:
    """One layer in place of several that share their input; its output is theirs, one after the other, and
    then zeros up to `width`."""
    up: Tensor = torch.block_diag(*(layer.up for layer in layers))  # type: ignore[no-untyped-call]
    up = torch.cat([up, up.new_zeros(max(0, width - len(up)), up.shape[1])])
    down = torch.cat([layer.down for layer in layers])
    # a scale of alpha / rank for each must be that of the whole
    return Layer(down, up, layers[0].alpha / len(layers[0].down) * len(down))


def _as_named(layers: Layers) -> Layers:
    return layers


def _sgm(layers: Layers) -> Layers:
    """SDXL's blocks as Stability's code counts them: all in one row, attentions second in each."""
    places = [re.match(r"up_blocks\.\d+\.attentions\.(\d+)", name) for name in layers]
    row = 1 + max((int(place[1]) for place in places if place), default=2)  # the upper blocks' length

    def renamed(match: re.Match[str]) -> str:
        block, number = int(match[2] or 0), int(match[3])
        if match[1] == "mid":
            return "middle_block.1"
        if match[1] == "down":
            return f"input_blocks.{1 + block * row + number}.1"
        return f"output_blocks.{block * row + number}.1"

    pattern = re.compile(r"(down|up|mid)_blocks?(?:\.(\d+))?\.attentions\.(\d+)")
    return {pattern.sub(renamed, name): layer for name, layer in layers.items()}


DOUBLE = {
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    **{"ff.net.0.proj": "img_mlp.0", "ff.net.2": "img_mlp.2"},
    **{"ff_context.net.0.proj": "txt_mlp.0", "ff_context.net.2": "txt_mlp.2"},
    **{"ff.linear_in": "img_mlp.0", "ff.linear_out": "img_mlp.2"},
    **{"ff_context.linear_in": "txt_mlp.0", "ff_context.linear_out": "txt_mlp.2"},
}
SINGLE = {"attn.to_qkv_mlp_proj": "linear1", "attn.to_out": "linear2", "proj_out": "linear2"}
QKV = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}
MLP_RATIO = 4  # of FLUX.1's single blocks, whose first matrix also feeds the feed-forward part


def _flux(layers: Layers) -> Layers:
    """FLUX.1 and FLUX.2 as Black Forest Labs name them."""
    blocks: dict[tuple[str, str], dict[str, Layer]] = {}
    for name, layer in layers.items():
        kind, number, rest = name.split(".", 2)
        blocks.setdefault((kind, number), {})[rest] = layer
    found: dict[str, Layer] = {}
    for (kind, number), own in blocks.items():
        double = kind == "transformer_blocks"
        stem = f"{'double' if double else 'single'}_blocks.{number}"
        found |= {f"{stem}.{name}": layer for name, layer in (_double if double else _single)(own).items()}
    return found


def _double(layers: Layers) -> dict[str, Layer]:
    found = {new: layers[old] for old, new in DOUBLE.items() if old in layers}
    return found | {
        name: fused([layers[part] for part in parts])
        for name, parts in QKV.items()
        if set(parts) <= set(layers)
    }


def _single(layers: Layers) -> dict[str, Layer]:
    found = {new: layers[old] for old, new in SINGLE.items() if old in layers}
    parts = [layers[name] for name in (*QKV["img_attn.qkv"], "proj_mlp") if name in layers]
    if parts:
        found["linear1"] = fused(parts, (len(QKV["img_attn.qkv"]) + MLP_RATIO) * len(parts[0].up))
    return found


NAMED: dict[str, Callable[[Layers], Layers]] = {
    "sd": _as_named, "sdxl": _sgm, "flux": _flux, "flux2": _flux,
    "qwen_image": _as_named, "z_image": _as_named,
}  # fmt: skip
"""Family -> its layers under the names of kohya's form, with dots."""
PREFIXED = ("flux", "sd3", "qwen_image", "z_image")
"""Families of which ComfyUI knows diffusers' names."""
