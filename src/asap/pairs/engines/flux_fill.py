"""FLUX.1-Fill repainting a masked part: it sees the masked picture and the mask beside its noise."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from diffusers import FluxFillPipeline

from asap.pairs.engines.painter import Painter, Task

GUIDANCE = 30.0
LONGEST = 512


def text_length(pipeline: Any) -> int:
    """How many tokens of a prompt T5 is given."""
    return min(LONGEST, int(pipeline.tokenizer_2.model_max_length))


class FluxFill(Painter):
    """The `Painter` of `FluxFillPipeline`."""

    name = "FLUX Fill"
    default_steps = 30

    @cached_property
    def opened(self) -> Any:
        return self.pipeline(FluxFillPipeline, "the pipeline")

    def arguments(self, task: Task) -> dict[str, Any]:
        return {
            "guidance_scale": GUIDANCE,
            "strength": task.strength,
            "max_sequence_length": text_length(self.opened),
        }
