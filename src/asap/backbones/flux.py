"""FLUX.1: a rectified flow transformer on 2x2-packed latents, with T5 and pooled CLIP embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from torch import Tensor

from asap.backbones import schedule
from asap.backbones.backbone import Condition
from asap.backbones.flow import TRAINING_GUIDANCE, Flow


class Flux(Flow):
    """The `Backbone` of `FluxPipeline`."""

    name = "flux"
    native_size = 1024
    pipeline_class = FluxPipeline
    default_guidance = 3.5
    denoiser_class = FluxTransformer2DModel
    lora_targets = (
        *("to_q", "to_k", "to_v", "to_out.0"),
        *("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
        *("ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2"),
    )

    @property
    def settings(self) -> dict[str, object]:
        return {"dtype": str(self.dtype), "guidance": TRAINING_GUIDANCE}

    @cached_property
    def _schnell(self) -> bool:
        """Whether this is FLUX.1-schnell: made for few steps and short texts."""
        return not self.config_of(self.denoiser_class, "transformer").get("guidance_embeds", False)

    def _text_length(self, pipeline: Any) -> int:
        return min(256 if self._schnell else 512, int(pipeline.tokenizer_2.model_max_length))

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        length = self._text_length(self._text)
        embeddings, pooled, _ = self._text.encode_prompt(list(prompts), None, max_sequence_length=length)
        return {"embeddings": embeddings, "pooled": pooled}

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        return schedule.logit_normal_times(count, generator)

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        batch, channels, height, width = z_t.shape
        packed = FluxPipeline._pack_latents(z_t.to(self.dtype), batch, channels, height, width)
        positions = FluxPipeline._prepare_latent_image_ids(
            batch, height // 2, width // 2, packed.device, packed.dtype
        )
        embeddings = condition["embeddings"]
        out = self.denoiser(
            hidden_states=packed,
            timestep=t.to(packed),
            guidance=self._guidance(batch, packed.device),
            pooled_projections=condition["pooled"],
            encoder_hidden_states=embeddings,
            txt_ids=embeddings.new_zeros(embeddings.shape[1], 3),
            img_ids=positions,
            return_dict=False,
        )[0]
        # with a factor of 1 the helper's height and width are those of the latents themselves
        unpacked: Tensor = FluxPipeline._unpack_latents(out, height, width, 1)
        return unpacked

    @property
    def default_steps(self) -> int:  # type: ignore[override]
        return 4 if self._schnell else 28

    def _drawn_with(self, guidance: float, count: int) -> dict[str, Any]:
        return {"guidance_scale": guidance, "max_sequence_length": self._text_length(self._pipeline)}
