"""`mini`: a small flow transformer on the pixels of the embedded figures, with a natural rate of faults.

Its network is diffusers' own FLUX transformer, fed square patches of pixels. It predicts the clean image x0,
from which the velocity is (z_t - x0) / max(t, 0.05): at this size, a network that predicts the velocity
itself draws fingers as shreds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from diffusers import ConfigMixin, DiffusionPipeline, FluxPipeline, FluxTransformer2DModel, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.loaders import SanaLoraLoaderMixin
from torch import Tensor, nn

from asap.backbones import lora, schedule
from asap.backbones.backbone import Condition, Frame
from asap.backbones.cpu import tune_allocator
from asap.backbones.parts import Pretrained, generators, linear_layers, readable_errors
from asap.errors import UserError
from asap.records import Image

CHANNELS = 3
SMALLEST_TIME = 0.05


@dataclass(frozen=True)
class Shape:
    """The measures of a `mini`.

    Attributes:
        size: pixels a side that it draws.
        patch: pixels a side of a token, a divisor of `size`.
        heads: attention heads.
        channels: of each head.
        words: the longest caption.
    """

    size: int = 24
    patch: int = 4
    heads: int = 4
    channels: int = 32
    words: int = 16


HANDS = Shape()
PEOPLE = Shape(size=64, patch=8, channels=40, words=18)


def words_of(prompt: str) -> list[str]:
    """The words of a caption; a comma is a word."""
    return prompt.lower().replace(",", " , ").split()


class CaptionEmbedding(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A learned table with one row per word of a fixed vocabulary; row 0 is padding."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, words: Sequence[str], length: int = 16, width: int = 64) -> None:
        super().__init__()
        self.words = {word: i for i, word in enumerate(words, 1)}
        self.length = length
        self.table = nn.Embedding(len(words) + 1, width)

    def forward(self, prompts: Sequence[str]) -> Tensor:
        """(B, length, width) embeddings of the prompts' words.

        Raises:
            UserError: a word that is not in the vocabulary, or too many of them.
        """
        numbers = torch.tensor([self._numbers(p) for p in prompts], device=self.table.weight.device)
        embeddings: Tensor = self.table(numbers)
        return embeddings

    def _numbers(self, prompt: str) -> list[int]:
        words = words_of(prompt)
        unknown = [word for word in words if word not in self.words]
        if unknown:
            raise UserError(
                f"this small model does not know {unknown[0]!r} (in {prompt!r}): mini-hand draws what "
                "`asap figures` makes, mini what `asap figures --kind mini-people` makes; for photos take "
                f"FLUX or SDXL. Its words: {' '.join(word for word in self.words if word.isalnum())}"
            )
        if len(words) > self.length:
            raise UserError(f"this small model reads {self.length} words, and {prompt!r} has {len(words)}")
        return [self.words[word] for word in words] + [0] * (self.length - len(words))


class MiniPipeline(DiffusionPipeline, SanaLoraLoaderMixin):  # type: ignore[misc]
    """Text to pixels by Euler steps along the flow; a diffusers pipeline like any other.

    `size` is the pixels a side that it was made for. (Its LoRA functions are Sana's because those handle a
    transformer alone.)
    """

    def __init__(self, transformer: Any, captions: Any, size: int = HANDS.size) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, captions=captions)
        self.register_to_config(size=size)

    @torch.no_grad()
    def __call__(
        self,
        prompt: Sequence[str],
        generator: Sequence[torch.Generator],
        steps: int = 16,
        size: int | None = None,
    ) -> list[Image]:
        """One image (size, size, 3) per prompt, from the noise that its generator draws."""
        condition = embed(self.captions, prompt)
        side = size or self.config.size
        noise = [torch.randn(CHANNELS, side, side, generator=g) for g in generator]
        z = torch.stack(noise).to(self.transformer.device)
        times = torch.linspace(1, 0, steps + 1)
        for t, after in pairwise(times):
            velocity = predict_velocity(self.transformer, z, t.expand(len(z)).to(z.device), condition)
            z = z + (after - t) * velocity
        pixels = ((z.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return list(pixels.permute(0, 2, 3, 1).cpu().numpy())


def embed(captions: Any, prompts: Sequence[str]) -> Condition:
    """Word embeddings (B, L, D) and their mean (B, D)."""
    embeddings = captions(prompts)
    return {"embeddings": embeddings, "pooled": embeddings.mean(dim=1)}


def predict_velocity(transformer: Any, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
    """(z_t - x0) / max(t, 0.05) from the network's x0; (B, 3, H, W), t (B,) in (0, 1]."""
    batch, _, height, width = z_t.shape
    patch = patch_of(transformer.config)
    rows, columns = height // patch, width // patch
    # in the network's own type; what comes back is float32 again
    dtype = getattr(transformer, "dtype", z_t.dtype)
    embeddings, pooled = (condition[name].to(dtype) for name in ("embeddings", "pooled"))
    out = transformer(
        hidden_states=_patches(z_t, patch).to(dtype),
        timestep=t,
        pooled_projections=pooled,
        encoder_hidden_states=embeddings,
        txt_ids=embeddings.new_zeros(embeddings.shape[1], 3),
        img_ids=FluxPipeline._prepare_latent_image_ids(batch, rows, columns, z_t.device, dtype),
        return_dict=False,
    )[0]
    clean = _unpatch(out, rows, columns)
    return (z_t - clean) / schedule.per_sample(t.clamp(min=SMALLEST_TIME), z_t)


def patch_of(config: Mapping[str, Any]) -> int:
    """Pixels a side of a patch, of a transformer's configuration."""
    return isqrt(int(config["in_channels"]) // CHANNELS)


def _patches(z: Tensor, patch: int) -> Tensor:
    """(B, 3, H, W) -> (B, H/p * W/p, 3 p p)."""
    batch, channels, height, width = z.shape
    grid = z.reshape(batch, channels, height // patch, patch, width // patch, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * patch * patch)


def _unpatch(tokens: Tensor, rows: int, columns: int) -> Tensor:
    patch = isqrt(tokens.shape[-1] // CHANNELS)
    grid = tokens.float().reshape(len(tokens), rows, columns, CHANNELS, patch, patch)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(len(tokens), CHANNELS, rows * patch, columns * patch)


def new_pipeline(words: Sequence[str], seed: int, shape: Shape = HANDS) -> MiniPipeline:
    """An untrained `mini` of 1.5 million parameters (2.3 million for `PEOPLE`), random by `seed`."""
    turned = (shape.channels - 8) // 2  # channels by which attention knows a patch's row, and its column
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer = FluxTransformer2DModel(
            patch_size=1, in_channels=CHANNELS * shape.patch**2, num_layers=1, num_single_layers=3,
            attention_head_dim=shape.channels, num_attention_heads=shape.heads,
            axes_dims_rope=(8, turned, turned),
            joint_attention_dim=64, pooled_projection_dim=64,
        )  # fmt: skip
        return MiniPipeline(transformer, CaptionEmbedding(list(words), shape.words), shape.size)


class Mini(Pretrained):
    """The `Backbone` of `MiniPipeline`: latents are pixels in [-1, 1], t is the flow's own time."""

    name = "mini"
    latent_factor = 1
    latent_channels = CHANNELS
    lora_targets = (
        *("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
        *("ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2", "proj_mlp", "proj_out"),
    )

    def __init__(self, source: str, **settings: Any) -> None:
        super().__init__(source, **settings)
        tune_allocator()
        with readable_errors(source, "model_index.json"):
            index = MiniPipeline.load_config(source, revision=self.revision)
            self.native_size = int(index.get("size", HANDS.size))

    @property
    def settings(self) -> dict[str, object]:
        return {"dtype": str(self.dtype)}

    @cached_property
    def size_multiple(self) -> int:
        with readable_errors(self.source, "transformer"):
            settings = {"subfolder": "transformer", "revision": self.revision}
            return patch_of(FluxTransformer2DModel.load_config(self.source, **settings))

    @cached_property
    def denoiser(self) -> Any:
        return self.network(FluxTransformer2DModel, "transformer")

    @cached_property
    def _captions(self) -> Any:
        return self.part(CaptionEmbedding, "captions", torch.float32)

    @cached_property
    def _pipeline(self) -> MiniPipeline:
        return MiniPipeline(self.denoiser, self._captions, self.native_size)

    def layers(self) -> dict[str, int]:
        return linear_layers(FluxTransformer2DModel, self.config_of(FluxTransformer2DModel, "transformer"))

    def free_encoders(self) -> None:
        self.__dict__.pop("_captions", None)

    def encode(self, images: Tensor) -> Tensor:
        return images.float()

    def decode(self, z: Tensor) -> Tensor:
        return z.float().clamp(-1, 1)

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        return embed(self._captions, prompts)

    def framing(self, frames: Sequence[Frame]) -> Condition:
        return {}

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        return schedule.logit_normal_times(count, generator)

    def noise(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return schedule.flow_noise(z, eps, t)

    def target(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return schedule.flow_target(z, eps)

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        return predict_velocity(self.denoiser, z_t, t, condition)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        yield  # its text encoder is a small table

    def load_lora(self, folder: Path) -> None:
        lora.load_into(self._pipeline, folder)

    def save_lora(self, folder: Path) -> None:
        with lora.published(folder) as inside:
            MiniPipeline.save_lora_weights(
                inside,
                transformer_lora_layers=lora.adapter_state(self.denoiser),
                transformer_lora_adapter_metadata=lora.adapter_metadata(self.denoiser),
            )

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        size: int | None = None,
    ) -> list[Image]:
        if guidance is not None:
            raise UserError("mini has no guidance; leave --guidance out")
        steps, side = self.drawing(steps, size, default_steps=16)
        return self._pipeline(prompts, generators(seeds), steps=steps, size=side)
