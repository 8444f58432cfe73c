"""FLUX.1 repainting a masked part after a drawn skeleton, by a ControlNet for poses or for many tasks."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from diffusers import FluxControlNetInpaintPipeline, FluxControlNetModel

from asap.pairs.engines.flux_fill import text_length
from asap.pairs.engines.painter import Painter, Task

GUIDANCE = 3.5
POSE_MODE = 4
"""The mode for poses of ControlNets that are told their task (`num_mode` in their configuration)."""
CONDITIONING = {True: 0.8, False: 0.9}
"""Weight of a ControlNet with modes, and of one without: the most that their makers advise for poses."""
UNTIL = 0.65
"""Share of the steps in which it acts."""


class FluxPose(Painter):
    """The `Painter` of `FluxControlNetInpaintPipeline`."""

    name = "FLUX pose inpainting"
    default_steps = 28
    controlnet_class = FluxControlNetModel

    @cached_property
    def opened(self) -> Any:
        return self.pipeline(
            FluxControlNetInpaintPipeline, "the pipeline", controlnet=self.loaded_controlnet()
        )

    def arguments(self, task: Task) -> dict[str, Any]:
        has_modes = self.opened.controlnet.config.num_mode is not None
        return {
            "control_mode": POSE_MODE if has_modes else None,
            "controlnet_conditioning_scale": CONDITIONING[has_modes],
            "control_guidance_end": UNTIL,
            "guidance_scale": GUIDANCE,
            "strength": task.strength,
            "max_sequence_length": text_length(self.opened),
        }
