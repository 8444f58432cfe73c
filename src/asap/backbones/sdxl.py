"""SDXL: an epsilon- or v-predicting UNet, conditioned on two CLIP encoders and on the image's framing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from asap.backbones.backbone import Condition, Frame
from asap.backbones.diffusion import Diffusion


class SDXL(Diffusion):
    """The `Backbone` of `StableDiffusionXLPipeline`."""

    name = "sdxl"
    native_size = 1024
    pipeline_class = StableDiffusionXLPipeline
    default_steps, default_guidance = 30, 5.0

    @property
    def _told(self) -> dict[str, Any]:
        return {"add_watermarker": False}

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        self._check_trainable()
        embeddings, _, pooled, _ = self._text.encode_prompt(list(prompts), do_classifier_free_guidance=False)
        return {"embeddings": embeddings, "pooled": pooled}

    def framing(self, frames: Sequence[Frame]) -> Condition:
        """SDXL's micro-conditioning: original size, crop corner and target size, (B, 6) float32."""
        return {"time_ids": torch.tensor([[*f.original, *f.crop, *f.target] for f in frames]).float()}

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
