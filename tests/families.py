"""What the tests of all families share: their names, prompts, and how their pipelines are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from numpy.typing import NDArray
from torch import Tensor

from asap.backbones.backbone import Backbone, Frame
from tiny_families import MAKERS

PROMPTS = ("a photo of a person", "two hands")  # a tuple: Z-Image's pipeline writes into the list it gets
FAMILIES = ("flux", "sdxl", *MAKERS)
# what `generate` passes to the pipeline where the user gives no guidance
DRAWN_BY: dict[str, dict[str, Any]] = {
    "flux": {"guidance_scale": 3.5, "max_sequence_length": 32},
    "sdxl": {"guidance_scale": 5.0},
    "sd": {"guidance_scale": 7.5},
    "sd2": {"guidance_scale": 7.5},
    "sd3": {"guidance_scale": 7.0, "max_sequence_length": 32},
    "qwen_image": {"true_cfg_scale": 4.0, "negative_prompt": [" ", " "]},
    "z_image": {"guidance_scale": 5.0},
    "flux2": {"guidance_scale": 4.0},
    "klein": {"guidance_scale": 4.0},
}
# the same without guidance: one call of the denoiser a step, for the prompts as they are
UNGUIDED = {name: settings | {"guidance_scale": 1.0} for name, settings in DRAWN_BY.items()}
UNGUIDED |= {"qwen_image": {"true_cfg_scale": 1.0}, "z_image": {"guidance_scale": 0.0}}


def condition_of(backbone: Backbone) -> dict[str, Tensor]:
    return backbone.condition(PROMPTS) | backbone.framing([Frame((32, 32), (0, 0), (32, 32))] * 2)


def perturb(denoiser: Any) -> None:
    """Give the LoRA an effect: B starts at zero."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


def plain(folder: Path) -> Any:
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def drawn(pipeline: Any, width: int = 32, **settings: Any) -> NDArray[np.uint8]:
    """`PROMPTS` drawn in two steps, (2, 32, width, 3)."""
    pictures = pipeline(
        prompt=list(PROMPTS),
        height=32,
        width=width,
        num_inference_steps=2,
        generator=[torch.Generator().manual_seed(seed) for seed in (1, 2)],
        output_type="np",
        **settings,
    ).images
    return np.clip(pictures * 255 + 0.5, 0, 255).astype(np.uint8)
