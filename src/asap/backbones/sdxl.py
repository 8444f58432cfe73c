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
from asap.backbones.parts import DTYPES, generators, load_part, posterior_mean, readable_errors, to_uint8
from asap.errors import UserError
from asap.records import Image


class SDXL:
    """The `Backbone` of `StableDiffusionXLPipeline`. Time t is the diffusion step, a whole number from 0."""

    name = "sdxl"
    native_size = 1024
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")

    def __init__(self, source: str, *, device: str = "cpu", dtype: str = "float32") -> None:
        self.source, self.device, self.dtype = source, device, DTYPES[dtype]

    @property
    def settings(self) -> dict[str, object]:
        return {"dtype": str(self.dtype), "prediction": self._scheduler.config.prediction_type}

    @cached_property
    def denoiser(self) -> Any:
        return load_part(UNet2DConditionModel, self.source, "unet", self.dtype, self.device)

    @cached_property
    def _vae(self) -> Any:
        # float32: SDXL's own VAE overflows in half precision
        return load_part(AutoencoderKL, self.source, "vae", torch.float32, self.device)

    @cached_property
    def _text(self) -> Any:
        with readable_errors(self.source, "the text encoders"):
            pipeline = StableDiffusionXLPipeline.from_pretrained(
                self.source, unet=None, vae=None, dtype=self.dtype, use_safetensors=True
            )
        return pipeline.to(self.device)

    @cached_property
    def _pipeline(self) -> Any:
        with readable_errors(self.source, "the pipeline"):
            pipeline = StableDiffusionXLPipeline.from_pretrained(
                self.source, dtype=self.dtype, use_safetensors=True, add_watermarker=False
            )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline.to(self.device)

    @cached_property
    def _scheduler(self) -> Any:
        with readable_errors(self.source, "the scheduler"):
            return DDPMScheduler.from_pretrained(self.source, subfolder="scheduler")

    @cached_property
    def latent_factor(self) -> int:
        config = AutoencoderKL.load_config(self.source, subfolder="vae")
        return int(2 ** (len(config["block_out_channels"]) - 1))

    def free_encoders(self) -> None:
        for part in ("_vae", "_text"):
            self.__dict__.pop(part, None)

    def encode(self, images: Tensor) -> Tensor:
        return posterior_mean(self._vae, images)

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
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
        StableDiffusionXLPipeline.save_lora_weights(
            folder,
            unet_lora_layers=convert_state_dict_to_diffusers(lora.adapter_state(self.denoiser)),
            unet_lora_adapter_metadata=lora.adapter_metadata(self.denoiser),
        )
        lora.settle(folder / lora.WEIGHTS)

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        size: int | None = None,
    ) -> list[Image]:
        side = size or self.native_size
        images = self._pipeline(
            list(prompts),
            height=side,
            width=side,
            num_inference_steps=steps or 30,
            guidance_scale=5.0 if guidance is None else guidance,
            generator=generators(seeds),
            output_type="np",
        ).images
        return to_uint8(images)
