"""SDXL repainting a masked part after a drawn skeleton, by an OpenPose ControlNet."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from diffusers import ControlNetModel, StableDiffusionXLControlNetInpaintPipeline

from asap.pairs.engines.painter import Painter, Task
from asap.pairs.engines.sdxl import GUIDANCE, STRONGEST

CONDITIONING = 1.0
"""Weight of the ControlNet."""


class SDXLPose(Painter):
    """The `Painter` of `StableDiffusionXLControlNetInpaintPipeline`."""

    name = "SDXL pose inpainting"
    default_steps = 30
    controlnet_class = ControlNetModel

    @cached_property
    def opened(self) -> Any:
        return self.pipeline(
            StableDiffusionXLControlNetInpaintPipeline,
            "the pipeline",
            controlnet=self.loaded_controlnet(),
            add_watermarker=False,
        )

    def arguments(self, task: Task) -> dict[str, Any]:
        return {
            "controlnet_conditioning_scale": CONDITIONING,
            "negative_prompt": task.avoid,
            "guidance_scale": GUIDANCE,
            "strength": min(task.strength, STRONGEST),
        }
