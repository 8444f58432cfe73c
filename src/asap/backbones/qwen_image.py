"""Qwen-Image: a rectified flow transformer on 2x2-packed latents of a video VAE, with Qwen2.5-VL's text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel
from torch import Tensor

from asap.backbones.backbone import Condition
from asap.backbones.flow import Flow
from asap.backbones.latent import padded
from asap.backbones.parts import decoded

TEXT_LENGTH = 512  # tokens, the pipeline's own


class QwenImage(Flow):
    """The `Backbone` of `QwenImagePipeline`. A picture is a video of one frame to its VAE."""

    name = "qwen_image"
    native_size = 1024
    pipeline_class = QwenImagePipeline
    default_guidance = 4.0
    denoiser_class = QwenImageTransformer2DModel
    vae_class = AutoencoderKLQwenImage
    lora_targets = (
        *("to_q", "to_k", "to_v", "to_out.0"),
        *("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
    )

    @cached_property
    def vae_config(self) -> dict[str, Any]:
        return self.config_of(self.vae_class, "vae", "temperal_downsample", "latents_mean", "latents_std")

    @cached_property
    def latent_channels(self) -> int:
        return int(self.vae_config["z_dim"])

    @cached_property
    def latent_factor(self) -> int:
        return int(2 ** len(self.vae_config["temperal_downsample"]))

    def encode(self, images: Tensor) -> Tensor:
        """The posterior's mean, (B, C, h, w) float32, each channel by its own mean and deviation."""
        mean, std = self._statistics
        with torch.no_grad():
            video = self._vae.encode(images[:, :, None].to(self._vae.device, self._vae.dtype))
        latents: Tensor = video.latent_dist.mean[:, :, 0].float()
        return (latents - mean) / std

    def decode(self, z: Tensor) -> Tensor:
        mean, std = self._statistics
        return decoded(self._vae, (z.to(mean) * std + mean)[:, :, None])[:, :, 0]

    @property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel, (1, C, 1, 1)."""
        mean, std = (
            torch.tensor(self.vae_config[name], device=self.device).view(1, -1, 1, 1)
            for name in ("latents_mean", "latents_std")
        )
        return mean, std

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        embeddings, mask = self._text.encode_prompt(list(prompts), max_sequence_length=TEXT_LENGTH)
        lengths = [embeddings.shape[1]] * len(embeddings) if mask is None else mask.sum(dim=1).tolist()
        return padded([row[:length] for row, length in zip(embeddings, lengths)], TEXT_LENGTH)

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        batch, channels, height, width = z_t.shape
        lengths = condition["mask"].sum(dim=1)
        longest = int(lengths.max())  # what is padding to all need not be computed
        out = self.denoiser(
            hidden_states=QwenImagePipeline._pack_latents(z_t.to(self.dtype), batch, channels, height, width),
            timestep=t.to(z_t.device, self.dtype),
            encoder_hidden_states=condition["embeddings"][:, :longest],
            encoder_hidden_states_mask=_unless_full(condition["mask"][:, :longest]),
            img_shapes=[[(1, height // 2, width // 2)]] * batch,
            return_dict=False,
        )[0]
        # with a factor of 1 the helper's height and width are those of the latents themselves
        unpacked: Tensor = QwenImagePipeline._unpack_latents(out, height, width, 1)[:, :, 0]
        return unpacked

    def _drawn_with(self, guidance: float, count: int) -> dict[str, Any]:
        # the pipeline guides only where it is given what to lead away from; a space is the authors' choice
        return {"true_cfg_scale": guidance, "negative_prompt": [" "] * count if guidance > 1 else None}


def _unless_full(mask: Tensor) -> Tensor | None:
    """None for a mask that hides nothing: attention without one is faster."""
    return None if bool(mask.all()) else mask
