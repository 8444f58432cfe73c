"""Loading the parts of a diffusers pipeline one by one, and the steps that latent families share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors import SafetensorError
from torch import Tensor

from asap.backbones import frozen, quantized
from asap.errors import UserError
from asap.records import Image

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Pretrained:
    """A model in diffusers' layout: its parts, frozen, in evaluation mode, from safetensors only.

    Of the denoiser alone, `quantize` ("int8", "fp8", "nf4") stores the linear layers' weights in fewer bits,
    `offload` keeps those of its blocks on the CPU (`frozen.offload`), and `spread` leaves all of it there:
    FSDP takes it to the device of each process.

    Raises:
        UserError: no such dtype, a device that is not there, or a kind of weights that cannot be had here.
    """

    name: str
    native_size: int

    def __init__(
        self,
        source: str,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        revision: str | None = None,
        quantize: str = "none",
        offload: bool = False,
        spread: bool = False,
    ) -> None:
        if dtype not in DTYPES:
            raise UserError(f"no type {dtype!r} of numbers; known: {', '.join(DTYPES)}")
        self.source, self.dtype, self.revision = source, DTYPES[dtype], revision
        self.device = check_device(device)
        quantized.check(quantize, device, offload=offload)
        self.quantize, self.offload, self.spread = quantize, offload, spread

    def part(self, cls: Any, subfolder: str, dtype: torch.dtype | None = None) -> Any:
        """The part in `subfolder`, in `dtype` where that differs from the model's.

        Raises:
            UserError: the part is missing, damaged, or not in safetensors.
        """
        loaded = self._load(cls, subfolder, subfolder=subfolder, dtype=dtype or self.dtype)
        return loaded.to(self.device).eval().requires_grad_(False)

    def network(self, cls: Any, subfolder: str) -> Any:
        """The denoiser in `subfolder`, stored as `quantize` and `offload` say.

        Raises:
            UserError: as `part`.
        """
        device = "cpu" if self.offload or self.spread else self.device
        form = quantized.form(self.quantize, self.dtype, device)
        loaded = self._load(cls, subfolder, subfolder=subfolder, dtype=self.dtype, **form)
        loaded = loaded.to(device).eval().requires_grad_(False)
        if self.offload or self.quantize in ("int8", "fp8"):
            frozen.freeze(loaded)
        if self.offload:
            frozen.offload(loaded, self.device)
        return loaded

    def pipeline(self, cls: Any, what: str, **parts: Any) -> Any:
        """The pipeline `cls` with all parts but those given in `parts`; `what` names it in messages."""
        loaded = self._load(cls, what, dtype=self.dtype, **parts)
        loaded.set_progress_bar_config(disable=True)
        return loaded.to(self.device)

    def config_of(self, cls: Any, subfolder: str | None = None, *needed: str) -> dict[str, Any]:
        """The configuration of the part in `subfolder`, or of the pipeline, read without weights.

        Raises:
            UserError: it is missing or damaged, or lacks a `needed` entry.
        """
        with readable_errors(self.source, subfolder or "model_index.json"):
            config = cls.load_config(self.source, subfolder=subfolder, revision=self.revision)
            return {**{name: config[name] for name in needed}, **config}

    @cached_property
    def vae_config(self) -> dict[str, Any]:
        """The VAE's configuration; raises as `config_of`."""
        return self.config_of(AutoencoderKL, "vae", "block_out_channels")

    @cached_property
    def latent_factor(self) -> int:
        return int(2 ** (len(self.vae_config["block_out_channels"]) - 1))

    @cached_property
    def latent_channels(self) -> int:
        return int(self.vae_config["latent_channels"])

    @cached_property
    def size_multiple(self) -> int:
        return 2 * self.latent_factor

    def check_size(self, size: int, flag: str = "--size") -> int:
        """`size`, if the model can draw images of so many pixels a side.

        Raises:
            UserError: it cannot.
        """
        if size < self.size_multiple or size % self.size_multiple:
            raise UserError(f"{flag} {size}: {self.name} takes multiples of {self.size_multiple}")
        return size

    def drawing(self, steps: int | None, size: int | None, default_steps: int) -> tuple[int, int]:
        """How many steps to take and pixels a side to draw, defaults filled in.

        Raises:
            UserError: numbers with which the model cannot draw.
        """
        if steps is not None and steps < 1:
            raise UserError(f"--steps {steps}: must be at least 1")
        return steps or default_steps, self.native_size if size is None else self.check_size(size)

    def _load(self, cls: Any, what: str, **settings: Any) -> Any:
        load = partial(cls.from_pretrained, self.source, revision=self.revision, use_safetensors=True)
        with readable_errors(self.source, what):
            try:
                return load(**settings)
            except (OSError, ValueError) as missing:
                try:
                    return load(**settings, variant="fp16")  # some folders hold half precision alone
                except (OSError, ValueError):
                    raise missing from None


def linear_layers(cls: Any, config: dict[str, Any]) -> dict[str, int]:
    """The linear layers of the network `cls`, and inputs plus outputs of each; no weights are made."""
    with torch.device("meta"):
        modules = cls.from_config(config).named_modules()
        return {n: m.in_features + m.out_features for n, m in modules if isinstance(m, torch.nn.Linear)}


def check_device(device: str) -> str:
    """`device`, if torch has it here.

    Raises:
        UserError: it has not.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split(".")[0].split())[:120]
        raise UserError(f"no device {device!r} here ({reason}); give cpu, cuda or mps") from None
    return device


def device_for(name: str, flag: str = "--device") -> str:
    """The device called `name`, or for "auto" the best that is there.

    Raises:
        UserError: no such device here; `flag` is what named it.
    """
    there = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if name == "auto":
        return there[0]
    kind, _, number = name.partition(":")
    last = torch.cuda.device_count() if kind == "cuda" else 1
    if kind not in there or (number and not (number.isdecimal() and int(number) < last)):
        raise UserError(f"{flag} {name}: there is no such device here, only {', '.join(there)}")
    return name


def dtype_for(name: str, device: str) -> str:
    """The dtype called `name`, or for "auto" the one for `device`."""
    if name != "auto":
        return name
    return "bfloat16" if device.startswith("cuda") else "float32"


@contextmanager
def readable_errors(source: str, what: str) -> Iterator[None]:
    """Turn what loaders raise for missing or damaged files into one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
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


def from_latents(vae: Any, z: Tensor) -> Tensor:
    """The VAE's picture of latents that are scaled as `posterior_mean` has them, (B, 3, H, W) in [-1, 1]."""
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return decoded(vae, z / float(vae.config.scaling_factor) + shift)


def decoded(vae: Any, z: Tensor) -> Tensor:
    """The VAE's picture of its own latents `z`, float32 in [-1, 1]."""
    with torch.no_grad():
        picture: Tensor = vae.decode(z.to(vae.device, vae.dtype), return_dict=False)[0]
    return picture.float().clamp(-1, 1)


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One CPU generator per seed: the initial noise does not depend on the device or the batch."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def to_uint8(images: Any) -> list[Image]:
    """A pipeline's float arrays in [0, 1], (B, H, W, 3), as 8-bit images."""
    return [np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8) for image in np.asarray(images)]
