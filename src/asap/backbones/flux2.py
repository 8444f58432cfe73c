"""FLUX.2 and FLUX.2 klein: rectified flow transformers on 2x2-packed latents, with a language model's layers.

Packed channels are normalised by the running statistics of a batch norm. The text is three layers of
Mistral 3, in klein of Qwen 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import torch
from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Pipeline, Flux2Transformer2DModel
from torch import Tensor

from asap.backbones.backbone import Condition
from asap.backbones.flow import TRAINING_GUIDANCE, Flow
from asap.backbones.parts import decoded
from asap.errors import UserError
from asap.records import Image

TEXT_LENGTH = 512  # tokens, the pipelines' own; padding is part of what the network sees


class Flux2(Flow):
    """The `Backbone` of `Flux2Pipeline`.

    The pipeline counts latents in packed positions, (B, 4 C, h / 2, w / 2). Here they are unpacked,
    (B, C, h, w), so that a region's mask is as fine as the VAE's grid.
    """

    name = "flux2"
    native_size = 1024
    pipeline_class = Flux2Pipeline
    default_guidance: float = 4.0
    denoiser_class = Flux2Transformer2DModel
    vae_class = AutoencoderKLFlux2

    @property
    def _told(self) -> dict[str, Any]:
        processor = self.config_of(self.pipeline_class).get("tokenizer")
        if processor == ["transformers", "PixtralProcessor"] and find_spec("torchvision") is None:
            raise UserError(
                f"the text encoder of {self.source} needs torchvision, which is not installed; "
                "`pip install torchvision`"
            )
        return {}

    @property
    def settings(self) -> dict[str, object]:
        return super().settings | {"guidance": TRAINING_GUIDANCE}

    @cached_property
    def lora_targets(self) -> tuple[str, ...]:
        """Attention and feed-forward layers of both streams, and those of the single one, by their places:
        what is `attn.to_out` there is a list of layers in the two-stream blocks."""
        config = self.config_of(self.denoiser_class, "transformer", "num_single_layers")
        return (
            *("to_q", "to_k", "to_v", "to_out.0"),
            *("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
            *("ff.linear_in", "ff.linear_out", "ff_context.linear_in", "ff_context.linear_out"),
            "to_qkv_mlp_proj",
            *(f"single_transformer_blocks.{i}.attn.to_out" for i in range(config["num_single_layers"])),
        )

    def encode(self, images: Tensor) -> Tensor:
        """The posterior's mean, (B, C, h, w) float32 by each packed channel's running statistics."""
        vae = self._vae
        with torch.no_grad():
            mean = vae.encode(images.to(vae.device, vae.dtype)).latent_dist.mean.float()
        centre, spread = self._statistics
        normed = (Flux2Pipeline._patchify_latents(mean) - centre) / spread
        unpacked: Tensor = Flux2Pipeline._unpatchify_latents(normed)
        return unpacked

    def decode(self, z: Tensor) -> Tensor:
        centre, spread = self._statistics
        packed = Flux2Pipeline._patchify_latents(z.to(centre)) * spread + centre
        return decoded(self._vae, Flux2Pipeline._unpatchify_latents(packed))

    @property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each packed channel, (1, 4 C, 1, 1)."""
        vae = self._vae
        centre, variance = (
            statistic.float().view(1, -1, 1, 1) for statistic in (vae.bn.running_mean, vae.bn.running_var)
        )
        return centre, (variance + vae.config.batch_norm_eps).sqrt()

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        embeddings, _ = self._text.encode_prompt(list(prompts), max_sequence_length=TEXT_LENGTH)
        return {"embeddings": embeddings}

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        embeddings = condition["embeddings"]
        patches = Flux2Pipeline._patchify_latents(z_t.to(self.dtype))
        positions = Flux2Pipeline._prepare_latent_ids(patches).to(patches.device)
        out = self.denoiser(
            hidden_states=Flux2Pipeline._pack_latents(patches),
            timestep=t.to(patches),
            guidance=self._guidance(len(z_t), patches.device),
            encoder_hidden_states=embeddings,
            txt_ids=Flux2Pipeline._prepare_text_ids(embeddings).to(patches.device),
            img_ids=positions,
            return_dict=False,
        )[0]
        unpacked = out.transpose(1, 2).reshape(patches.shape)
        velocity: Tensor = Flux2Pipeline._unpatchify_latents(unpacked)
        return velocity


class Flux2Klein(Flux2):
    """The `Backbone` of `Flux2KleinPipeline`: no guidance embedding; distilled to four steps, or "base"."""

    pipeline_class = Flux2KleinPipeline

    @cached_property
    def _distilled(self) -> bool:
        return bool(self.config_of(Flux2KleinPipeline).get("is_distilled", False))

    @property
    def default_steps(self) -> int:  # type: ignore[override]
        return 4 if self._distilled else 50

    @property
    def default_guidance(self) -> float:  # type: ignore[override]
        return 1.0 if self._distilled else 4.0

    def generate(
        self, prompts: Sequence[str], seeds: Sequence[int], *, guidance: float | None = None, **settings: Any
    ) -> list[Image]:
        if self._distilled and guidance is not None:
            raise UserError(f"{self.source} is distilled and has no guidance; leave --guidance out")
        return super().generate(prompts, seeds, guidance=guidance, **settings)
