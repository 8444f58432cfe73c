"""SDXL: an epsilon- or v-predicting UNet, conditioned on two CLIP encoders and on the image's framing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.utils import convert_state_dict_to_diffusers
from torch import Tensor

from asap.backbones import lora, schedule
from asap.backbones.backbone import Condition, Frame
from asap.backbones.parts import Pretrained, generators, posterior_mean, readable_errors, to_uint8
from asap.errors import UserError
from asap.records import Image


class SDXL(Pretrained):
    """The `Backbone` of `StableDiffusionXLPipeline`. Time t is the diffusion step, a whole number from 0."""

    name = "sdxl"
    native_size = 1024
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")

    @property
    def settings(self) -> dict[str, object]:
        return {"dtype": str(self.dtype), "prediction": self._scheduler.config.prediction_type}

    @cached_property
    def denoiser(self) -> Any:
        return self.part(UNet2DConditionModel, "unet")

    @cached_property
    def _vae(self) -> Any:
        # float32: SDXL's own VAE overflows in half precision
        return self.part(AutoencoderKL, "vae", torch.float32)

    @cached_property
    def _text(self) -> Any:
        return self.pipeline(StableDiffusionXLPipeline, "the text encoders", unet=None, vae=None)

    @cached_property
    def _pipeline(self) -> Any:
        pipeline = self.pipeline(StableDiffusionXLPipeline, "the pipeline", add_watermarker=False)
        pipeline.vae.enable_slicing()  # a batch is decoded one by one: much less memory
        return pipeline

    @cached_property
    def _scheduler(self) -> Any:
        with readable_errors(self.source, "the scheduler"):
            return DDPMScheduler.from_pretrained(self.source, subfolder="scheduler", revision=self.revision)

    def free_encoders(self) -> None:
        for part in ("_vae", "_text"):
            self.__dict__.pop(part, None)

    def _check_trainable(self) -> None:
        """Refuse models whose noise or latents are not those of SDXL, as Playground 2.5's."""
        with readable_errors(self.source, "the scheduler"):
            found = DDPMScheduler.load_config(self.source, subfolder="scheduler", revision=self.revision)
        if "EDM" in str(found.get("_class_name")) or not {"beta_start", "trained_betas"} & set(found):
            kind = f"its scheduler, {found.get('_class_name')}, has no betas"
        elif self.vae_config.get("latents_mean") is not None:
            kind = "its VAE has latents_mean"
        else:
            return
        raise UserError(f"{self.source} is not noised as SDXL is ({kind}), so it cannot be aligned here")

    def encode(self, images: Tensor) -> Tensor:
        self._check_trainable()
        return posterior_mean(self._vae, images)

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        self._check_trainable()
        embeddings, _, pooled, _ = self._text.encode_prompt(list(prompts), do_classifier_free_guidance=False)
        return {"embeddings": embeddings, "pooled": pooled}

    def framing(self, frames: Sequence[Frame]) -> Condition:
        """SDXL's micro-conditioning: original size, crop corner and target size, (B, 6) float32."""
        return {"time_ids": torch.tensor([[*f.original, *f.crop, *f.target] for f in frames]).float()}

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(
            self._scheduler.config.num_train_timesteps, (count,), generator=generator
        ).float()

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

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        added = {"text_embeds": condition["pooled"], "time_ids": condition["time_ids"].to(self.dtype)}
        out: Tensor = self.denoiser(
            z_t.to(self.dtype),
            t.long(),
            encoder_hidden_states=condition["embeddings"],
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return out

    def load_lora(self, folder: Path) -> None:
        lora.load_into(self._pipeline, folder)

    def save_lora(self, folder: Path) -> None:
        with lora.published(folder) as inside:
            StableDiffusionXLPipeline.save_lora_weights(
                inside,
                unet_lora_layers=convert_state_dict_to_diffusers(lora.adapter_state(self.denoiser)),
                unet_lora_adapter_metadata=lora.adapter_metadata(self.denoiser),
            )

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        size: int | None = None,
    ) -> list[Image]:
        steps, side = self.drawing(steps, size, default_steps=30)
        images = self._pipeline(
            list(prompts),
            height=side,
            width=side,
            num_inference_steps=steps,
            guidance_scale=5.0 if guidance is None else guidance,
            generator=generators(seeds),
            output_type="np",
        ).images
        return to_uint8(images)
