"""FLUX.2-klein repainting a masked part: beside its blended latents it sees the whole picture."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from diffusers import Flux2KleinInpaintPipeline

from asap.pairs.engines.painter import Painter, Task


class KleinInpaint(Painter):
    """The `Painter` of `Flux2KleinInpaintPipeline`; `is_distilled` in the index tells its two kinds apart."""

    name = "FLUX.2-klein inpainting"

    @cached_property
    def opened(self) -> Any:
        return self.pipeline(Flux2KleinInpaintPipeline, "the pipeline")

    @property
    def _distilled(self) -> bool:
        return bool(self.opened.config.is_distilled)

    @property
    def default_steps(self) -> int:  # type: ignore[override]
        return 4 if self._distilled else 50

    def arguments(self, task: Task) -> dict[str, Any]:
        return {"guidance_scale": 1.0 if self._distilled else 4.0, "strength": task.strength}
