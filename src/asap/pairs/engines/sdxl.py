"""SDXL repainting a masked part, by its inpainting UNet (9 channels) or the base one (4, blended latents)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from diffusers import StableDiffusionXLInpaintPipeline

from asap.pairs.engines.painter import Painter, Task

GUIDANCE = 7.5
STRONGEST = 0.99
"""Above it the inpainting UNet loses the colours of what surrounds the mask."""


class SDXLInpaint(Painter):
    """The `Painter` of `StableDiffusionXLInpaintPipeline`."""

    name = "SDXL inpainting"
    default_steps = 30

    @cached_property
    def opened(self) -> Any:
        return self.pipeline(StableDiffusionXLInpaintPipeline, "the pipeline", add_watermarker=False)

    def arguments(self, task: Task) -> dict[str, Any]:
        return {
            "negative_prompt": task.avoid,
            "guidance_scale": GUIDANCE,
            "strength": min(task.strength, STRONGEST),
        }
