"""Loading the parts of a diffusers pipeline one by one, and the steps that latent families share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asap.errors import UserError
from asap.records import Image

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_part(cls: Any, source: str, subfolder: str, dtype: torch.dtype, device: str) -> Any:
    """One frozen part of a pipeline in evaluation mode, from safetensors only.

    Raises:
        UserError: the part is missing, damaged, or not in safetensors.
    """
    with readable_errors(source, subfolder):
        part = cls.from_pretrained(source, subfolder=subfolder, dtype=dtype, use_safetensors=True)
    return part.to(device).eval().requires_grad_(False)


@contextmanager
def readable_errors(source: str, what: str) -> Iterator[None]:
    """Turn what loaders raise for missing or damaged files into one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"cannot load {what} of {source}: {reason}") from None


def posterior_mean(vae: Any, images: Tensor) -> Tensor:
    """The mean of the VAE's posterior, scaled and shifted as the denoiser wants it, (B, C, h, w) float32.

    The mean, not a sample: a sample's noise would make two images' latents differ where the images do not.
    """
    with torch.no_grad():
        mean: Tensor = vae.encode(images.to(vae.device, vae.dtype)).latent_dist.mean.float()
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return (mean - shift) * float(vae.config.scaling_factor)


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One CPU generator per seed: the initial noise does not depend on the device or the batch."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def to_uint8(images: Any) -> list[Image]:
    """A pipeline's float arrays in [0, 1], (B, H, W, 3), as 8-bit images."""
    return [np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8) for image in np.asarray(images)]
