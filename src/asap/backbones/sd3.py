"""Stable Diffusion 3 and 3.5: a rectified flow transformer on latents, with two CLIP encoders and T5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
from torch import Tensor

from asap.backbones import schedule
from asap.backbones.backbone import Condition
from asap.backbones.flow import Flow


class SD3(Flow):
    """The `Backbone` of `StableDiffusion3Pipeline`."""

    name = "sd3"
    native_size = 1024
    pipeline_class = StableDiffusion3Pipeline
    default_steps, default_guidance = 28, 7.0
    denoiser_class = SD3Transformer2DModel
    # the second attention of 3.5 medium too
    lora_targets = (
        *("to_q", "to_k", "to_v", "to_out.0"),
        *("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
    )

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        embeddings, _, pooled, _ = self._text.encode_prompt(
            list(prompts), None, None, do_classifier_free_guidance=False,
            max_sequence_length=_text_length(self._text),
        )  # fmt: skip
        return {"embeddings": embeddings, "pooled": pooled}

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """Logit-normal times, shifted (Esser et al. 2024, sections 3.1 and 5.3.2)."""
        return schedule.shifted(schedule.logit_normal_times(count, generator), self.shift)

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        out: Tensor = self.denoiser(
            hidden_states=z_t.to(self.dtype),
            timestep=1000 * t,
            encoder_hidden_states=condition["embeddings"],
            pooled_projections=condition["pooled"],
            return_dict=False,
        )[0]
        return out

    def _drawn_with(self, guidance: float, count: int) -> dict[str, Any]:
        return {"guidance_scale": guidance, "max_sequence_length": _text_length(self._pipeline)}


def _text_length(pipeline: Any) -> int:
    """Tokens of T5: the pipeline's own 256."""
    return min(256, int(pipeline.tokenizer_3.model_max_length))
