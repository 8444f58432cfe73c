"""What the families of UNets share: DDPM's noise at whole steps, and targets epsilon or v."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor

from asap.backbones import schedule
from asap.backbones.latent import Latent
from asap.backbones.parts import readable_errors
from asap.errors import UserError


class Diffusion(Latent):
    """A `Latent` whose UNet predicts epsilon or v. Time t is the diffusion step, a whole number from 0."""

    denoiser_class = UNet2DConditionModel
    denoiser_part = "unet"
    # SDXL's own VAE overflows in half precision, and encoding is a small share of the work
    vae_dtype = torch.float32
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")

    @property
    def settings(self) -> dict[str, object]:
        return {"dtype": str(self.dtype), "prediction": self._scheduler.config.prediction_type}

    @cached_property
    def _scheduler(self) -> Any:
        with readable_errors(self.source, "the scheduler"):
            return DDPMScheduler.from_pretrained(self.source, subfolder="scheduler", revision=self.revision)

    def _check_trainable(self) -> None:
        """Refuse models whose noise or latents are not those of the family, as Playground 2.5's."""
        found = self.config_of(DDPMScheduler, "scheduler")
        if "EDM" in str(found.get("_class_name")) or not {"beta_start", "trained_betas"} & set(found):
            kind = f"its scheduler, {found.get('_class_name')}, has no betas"
        elif self.vae_config.get("latents_mean") is not None:
            kind = "its VAE has latents_mean"
        else:
            return
        label = self.pipeline_class.__name__.removesuffix("Pipeline")
        raise UserError(f"{self.source} is not noised as {label} is ({kind}), so it cannot be aligned here")

    def encode(self, images: Tensor) -> Tensor:
        self._check_trainable()
        return super().encode(images)

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        steps = self._scheduler.config.num_train_timesteps
        return torch.randint(steps, (count,), generator=generator).float()

    def _alphas(self, t: Tensor) -> Tensor:
        return self._scheduler.alphas_cumprod.to(t.device)[t.long()]  # type: ignore[no-any-return]

    def noise(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return schedule.diffusion_noise(z, eps, self._alphas(t))

    def target(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        kind = self._scheduler.config.prediction_type
        if kind == "epsilon":
            return eps
        if kind == "v_prediction":
            return schedule.diffusion_velocity(z, eps, self._alphas(t))
        raise UserError(f"{self.source} predicts {kind!r}; epsilon and v_prediction can be aligned")
