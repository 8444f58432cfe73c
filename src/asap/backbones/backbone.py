"""What the alignment and the benchmark ask of a model family.

Shapes: B batch, C latent channels, h and w latent height and width, H and W pixels.
Latents are always (B, C, h, w); a family that packs them does so inside its own file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from asap.records import Image

Condition: TypeAlias = dict[str, Tensor]
"""Everything but latent and time that the denoiser wants; the first dimension of each tensor is B."""


class Frame(NamedTuple):
    """How a training image was cut from its photo, all (height, width) or (top, left) in pixels.

    SDXL is conditioned on it; other families ignore it.
    """

    original: tuple[int, int]
    crop: tuple[int, int]
    target: tuple[int, int]


class Backbone(Protocol):
    """A frozen text-to-image model. Its parts load when first used, so a loop that only predicts never
    holds a VAE or a text encoder.

    Attributes:
        name: the family ("flux").
        source: the folder or hub id it came from.
        revision: the hub's commit; None for a folder.
        device, dtype: where the denoiser is, and the type of its weights.
        quantize: how its linear layers are stored, "none" for in `dtype` (`backbones.quantized`).
        latent_factor: pixels per latent position.
        latent_channels: C.
        native_size: the pixels a side that the model was made for.
        size_multiple: pixels a side of an image are a multiple of it.
        lora_targets: the linear layers that a LoRA adapts, as peft's `target_modules`.
        settings: facts that change what is computed (dtype, guidance), for fingerprints and run cards.
    """

    name: str
    source: str
    revision: str | None
    device: str
    dtype: torch.dtype
    quantize: str
    latent_factor: int
    latent_channels: int
    native_size: int
    size_multiple: int
    lora_targets: tuple[str, ...]

    @property
    def settings(self) -> dict[str, object]: ...

    @property
    def denoiser(self) -> torch.nn.Module:
        """The network that `predict` calls; a LoRA is put on it. Loaded when first asked for."""
        ...

    def check_size(self, size: int, flag: str = "--size") -> int:
        """`size`, if the model takes images of so many pixels a side; else a UserError that names `flag`."""
        ...

    def layers(self) -> dict[str, int]:
        """The denoiser's linear layers by name, and inputs plus outputs of each; read without weights."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """The scaled MEAN of the VAE's posterior: (B, 3, H, W) in [-1, 1] -> (B, C, h, w) float32."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """What `encode` takes, of its latents: (B, C, h, w) -> (B, 3, H, W) float32 in [-1, 1]."""
        ...

    def condition(self, prompts: Sequence[str]) -> Condition:
        """Text embeddings, B = len(prompts)."""
        ...

    def framing(self, frames: Sequence[Frame]) -> Condition:
        """What the denoiser wants to know of the images' framing; empty for most families."""
        ...

    def free_encoders(self) -> None:
        """Drop VAE and text encoders from memory; `encode` and `condition` would load them again."""
        ...

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` training times of the family's own distribution, (count,) float32."""
        ...

    def noise(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """z_t: `z` (B, C, h, w) noised by `eps` to the times `t` (B,)."""
        ...

    def target(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """What `predict` should return for `noise(z, eps, t)`."""
        ...

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The denoiser's output, (B, C, h, w)."""
        ...

    def remembering(self) -> AbstractContextManager[None]:
        """Inside, `generate` keeps the texts that it encodes, and shares the denoiser where that is loaded;
        afterwards it draws these prompts alone, at the same guidance, without text encoders in memory."""
        ...

    def load_lora(self, folder: Path) -> None:
        """Put the LoRA in `folder` on the pipeline that `generate` runs."""
        ...

    def save_lora(self, folder: Path) -> None:
        """Write the denoiser's peft adapter as `folder/pytorch_lora_weights.safetensors` in diffusers'
        format, with its metadata (rank and alpha), so that `DiffusionPipeline.load_lora_weights` takes it.
        """
        ...

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        size: int | None = None,
    ) -> list[Image]:
        """One image per prompt. The initial noise of an image depends on its seed alone (drawn on the CPU),
        not on its place in the batch. None asks for the family's default."""
        ...
