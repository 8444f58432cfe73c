"""What families share whose denoiser works on a VAE's latents: their parts, their LoRA, their drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers import AutoencoderKL
from diffusers.utils import convert_state_dict_to_diffusers
from torch import Tensor

from asap.backbones import lora
from asap.backbones.backbone import Condition, Frame
from asap.backbones.parts import (
    Pretrained,
    from_latents,
    generators,
    linear_layers,
    posterior_mean,
    readable_errors,
    to_uint8,
)
from asap.backbones.remembered import remembering
from asap.records import Image


class Latent(Pretrained):
    """A family told by its classes of diffusers.

    Attributes:
        pipeline_class: what generates; its own functions encode text and pack latents.
        denoiser_class: the network that predicts.
        denoiser_part: its folder, "transformer" or "unet".
        vae_class: the autoencoder.
        vae_dtype: its type while encoding, where that is not the model's.
        default_steps, default_guidance: of drawing.
    """

    pipeline_class: ClassVar[Any]
    denoiser_class: ClassVar[Any]
    denoiser_part: ClassVar[str] = "transformer"
    vae_class: ClassVar[Any] = AutoencoderKL
    vae_dtype: ClassVar[torch.dtype | None] = None
    default_steps: int = 50
    default_guidance: float

    @cached_property
    def denoiser(self) -> Any:
        return self.network(self.denoiser_class, self.denoiser_part)

    @cached_property
    def _vae(self) -> Any:
        return self.part(self.vae_class, "vae", self.vae_dtype)

    @cached_property
    def _text(self) -> Any:
        without = {self.denoiser_part: None, "vae": None}
        return self.pipeline(self.pipeline_class, "the text encoders", **without, **self._told)

    @cached_property
    def _pipeline(self) -> Any:
        shared = {self.denoiser_part: self.denoiser} if "denoiser" in vars(self) else {}
        without = dict.fromkeys(shared)
        pipeline = self.pipeline(self.pipeline_class, "the pipeline", **without, **self._told)
        pipeline.register_modules(**shared)  # the one that is being trained, wherever it is
        pipeline.vae.enable_slicing()  # a batch is decoded one by one: much less memory
        return pipeline

    @property
    def _told(self) -> dict[str, Any]:
        """What the pipeline is told when it is loaded, besides where its parts are."""
        return {}

    def layers(self) -> dict[str, int]:
        with readable_errors(self.source, self.denoiser_part):
            return linear_layers(self.denoiser_class, self.config_of(self.denoiser_class, self.denoiser_part))

    def free_encoders(self) -> None:
        for part in ("_vae", "_text"):
            self.__dict__.pop(part, None)

    def encode(self, images: Tensor) -> Tensor:
        return posterior_mean(self._vae, images)

    def decode(self, z: Tensor) -> Tensor:
        return from_latents(self._vae, z)

    def framing(self, frames: Sequence[Frame]) -> Condition:
        return {}

    @contextmanager
    def remembering(self) -> Iterator[None]:
        self.denoiser  # noqa: B018 - loaded first, so that the pipeline shares it
        with remembering(self._pipeline):
            yield

    def load_lora(self, folder: Path) -> None:
        lora.load_into(self._pipeline, folder)

    def save_lora(self, folder: Path) -> None:
        layers = lora.adapter_state(self.denoiser)
        if self.denoiser_part == "unet":
            layers = convert_state_dict_to_diffusers(layers)
        adapter = {
            f"{self.denoiser_part}_lora_layers": layers,
            f"{self.denoiser_part}_lora_adapter_metadata": lora.adapter_metadata(self.denoiser),
        }
        with lora.published(folder) as inside:
            self.pipeline_class.save_lora_weights(inside, **adapter)

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        size: int | None = None,
    ) -> list[Image]:
        steps, side = self.drawing(steps, size, self.default_steps)
        images = self._pipeline(
            prompt=list(prompts),
            height=side,
            width=side,
            num_inference_steps=steps,
            generator=generators(seeds),
            output_type="np",
            **self._drawn_with(self.default_guidance if guidance is None else guidance, len(prompts)),
        ).images
        return to_uint8(images)

    def _drawn_with(self, guidance: float, count: int) -> dict[str, Any]:
        """What the pipeline is told of so many pictures, besides what every pipeline is."""
        return {"guidance_scale": guidance}


def padded(embeddings: Sequence[Tensor], length: int) -> Condition:
    """Embeddings of different lengths, (L_i, D), as one tensor (B, length, D) with zeros after their ends,
    and the mask (B, length) bool that is true before them."""
    width = embeddings[0].shape[-1]
    table = embeddings[0].new_zeros(len(embeddings), length, width)
    mask = torch.zeros(len(embeddings), length, dtype=torch.bool, device=table.device)
    for i, embedding in enumerate(embeddings):
        table[i, : len(embedding)] = embedding
        mask[i, : len(embedding)] = True
    return {"embeddings": table, "mask": mask}
