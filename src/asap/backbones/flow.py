"""What families of rectified flow share: the straight path, and the shift of their training times."""

from __future__ import annotations

from functools import cached_property

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from asap.backbones import schedule
from asap.backbones.latent import Latent

TRAINING_GUIDANCE = 1.0  # the distilled guidance embedding while training, as in diffusers' own trainers


class Flow(Latent):
    """A `Latent` that predicts the velocity of the straight path.

    Time t is the flow's own, in (0, 1], 1 being pure noise.
    """

    @property
    def settings(self) -> dict[str, object]:
        return {"dtype": str(self.dtype), "shift": self.shift}

    @cached_property
    def shift(self) -> float:
        """The scheduler's fixed shift towards noise.

        1, which is none, where the scheduler shifts by the image's size instead: diffusers' trainers draw
        their times from the scheduler's table, and that one is not shifted then.
        """
        config = self.config_of(FlowMatchEulerDiscreteScheduler, "scheduler")
        return 1.0 if config.get("use_dynamic_shifting") else float(config.get("shift", 1.0))

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform times, shifted: what diffusers' trainers of most families draw."""
        return schedule.shifted(schedule.uniform_times(count, generator), self.shift)

    def noise(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return schedule.flow_noise(z, eps, t)

    def target(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return schedule.flow_target(z, eps)

    def _guidance(self, batch: int, device: torch.device) -> Tensor | None:
        """The guidance embedding's input, (B,), where the denoiser was distilled to have one."""
        if not self.denoiser.config.guidance_embeds:
            return None
        return torch.full([batch], TRAINING_GUIDANCE, device=device)
