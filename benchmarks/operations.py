"""How many operations a step of `asap train` takes at full size, and what its LoRA keeps in memory.

    python benchmarks/operations.py

The networks are built from their published configurations on torch's meta device, which computes shapes
alone, so no weights are needed; what is counted is the training loop's own code running on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, FluxTransformer2DModel, UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from asap.align import gradient, objectives
from asap.align.draws import Shown
from asap.align.forward import reference_errors
from asap.align.gradient import Learner, Micro
from asap.align.latents import Batch
from asap.align.objectives import Errors
from asap.align.recipes import RECIPES
from asap.backbones import lora
from asap.backbones.backbone import Backbone, Condition
from asap.backbones.flux import Flux
from asap.backbones.parts import posterior_mean
from asap.backbones.sdxl import SDXL

SIDE = 1024  # pixels
LATENT = 128  # positions a side

# the published config.json of stabilityai/stable-diffusion-xl-base-1.0 and black-forest-labs/FLUX.1-dev,
# without what is diffusers' default
SDXL_UNET: dict[str, Any] = {
    "in_channels": 4, "out_channels": 4, "sample_size": 128, "layers_per_block": 2,
    "block_out_channels": (320, 640, 1280), "transformer_layers_per_block": (1, 2, 10),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (5, 10, 20), "cross_attention_dim": 2048, "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
FLUX_DEV: dict[str, Any] = {
    "patch_size": 1, "in_channels": 64, "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128,
    "num_attention_heads": 24, "joint_attention_dim": 4096, "pooled_projection_dim": 768,
    "guidance_embeds": True,
}  # fmt: skip
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
SDXL_VAE = VAE | {"latent_channels": 4, "scaling_factor": 0.13025}
FLUX_VAE = VAE | {
    "latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159,
    "use_quant_conv": False, "use_post_quant_conv": False,
}  # fmt: skip
CLIP_L = CLIPTextConfig(
    hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768
)
CLIP_G = CLIPTextConfig(
    hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
    projection_dim=1280, hidden_act="gelu",
)  # fmt: skip
T5_XXL = T5Config(
    d_model=4096, d_ff=10240, d_kv=64, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu"
)


@dataclass(frozen=True)
class Cost:
    """Of one pair and step, in 10^12 operations.

    Attributes:
        vae: the VAE on both images.
        text: the text encoders on the caption.
        policy: the denoiser with its LoRA on both members, forward and backward.
        reference: the denoiser without it on both members, forward.
        split: as `policy`, with one backward pass after the other.
        sft_policy: as `policy` under sft, where the loser's error is only logged.
        base, trained: numbers of parameters.
        kept: the most bytes that autograd keeps of activations, of `policy` and of `split`.
    """

    vae: float
    text: float
    policy: float
    reference: float
    split: float
    sft_policy: float
    base: int
    trained: int
    kept: tuple[int, int]


def run() -> None:
    """Print the tables of `benchmarks/train.md`."""
    costs = {"SDXL": cost(*sdxl()), "FLUX.1-dev": cost(*flux())}
    print("| step | VAE | text encoders | policy | reference | sum | to the first |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, c in costs.items():
        first = c.vae + c.text + c.policy + c.reference
        print(
            row(f"{name}, VAE and text encoders at every step", c.vae, c.text, c.policy, c.reference, first)
        )
        print(row(f"{name}, `asap train`, asap or dpo", 0, 0, c.policy, c.reference, first))
        print(row(f"{name}, `--reference cached`", 0, 0, c.policy, 0, first))
        print(row(f"{name}, `--reference cached --backward split`", 0, 0, c.split, 0, first))
        print(row(f"{name}, `--reference cached --objective sft`", 0, 0, c.sft_policy, 0, first))
    print(
        "\n| model | frozen parameters | in bfloat16 | LoRA's parameters | with gradient and AdamW, float32 |"
        " activations kept, joint | split | ratio |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, c in costs.items():
        frozen, state = f"{c.base * 2 / 1e9:.1f} GB", f"{c.trained * 16 / 1e9:.2f} GB"
        kept = " | ".join(f"{size / 1e9:.1f} GB" for size in c.kept)
        ratio = c.kept[1] / c.kept[0]
        print(
            f"| {name} | {c.base / 1e6:,.0f} M | {frozen} | {c.trained / 1e6:.1f} M | {state} | {kept} | "
            f"{ratio:.3f} |"
        )


def row(name: str, vae: float, text: float, policy: float, reference: float, first: float) -> str:
    """A row of the table, `first` being the sum of the model's first row."""
    cells = [f"{value:.2f}" if value else "-" for value in (vae, text, policy, reference)]
    total = vae + text + policy + reference
    return f"| {name} | {' | '.join(cells)} | {total:.1f} | {total / first:.2f} |"


def sdxl() -> tuple[Backbone, Batch, Any, Callable[[], object]]:
    """SDXL on the meta device: backbone, one pair, VAE, and a call of the text encoders."""
    backbone = SDXL("", device="meta", dtype="bfloat16")
    with torch.device("meta"):
        backbone.denoiser = UNet2DConditionModel(**SDXL_UNET).bfloat16()
        vae = AutoencoderKL(**SDXL_VAE)
        encoders = CLIPTextModel(CLIP_L), CLIPTextModelWithProjection(CLIP_G)
        tokens = torch.zeros(1, 77, dtype=torch.long)
        condition = {
            "embeddings": torch.zeros(1, 77, 2048, dtype=torch.bfloat16),
            "pooled": torch.zeros(1, 1280, dtype=torch.bfloat16),
            "time_ids": torch.zeros(1, 6),
        }
    backbone._scheduler = DDPMScheduler()
    return backbone, pair(4, condition), vae, lambda: [encoder(tokens) for encoder in encoders]


def flux() -> tuple[Backbone, Batch, Any, Callable[[], object]]:
    """FLUX.1-dev on the meta device: backbone, one pair, VAE, and a call of the text encoders."""
    backbone = Flux("", device="meta", dtype="bfloat16")
    with torch.device("meta"):
        backbone.denoiser = FluxTransformer2DModel(**FLUX_DEV).bfloat16()
        vae = AutoencoderKL(**FLUX_VAE)
        clip, t5 = CLIPTextModel(CLIP_L), T5EncoderModel(T5_XXL)
        short, long = (torch.zeros(1, length, dtype=torch.long) for length in (77, 512))
        condition = {
            "embeddings": torch.zeros(1, 512, 4096, dtype=torch.bfloat16),
            "pooled": torch.zeros(1, 768, dtype=torch.bfloat16),
        }
    return backbone, pair(16, condition), vae, lambda: (clip(short), t5(long))


def pair(channels: int, condition: Condition) -> Batch:
    """One cached pair on the meta device."""
    latent = torch.zeros(1, channels, LATENT, LATENT, device="meta")
    return Batch(latent, latent, latent[:, 0], condition)


def cost(backbone: Backbone, batch: Batch, vae: Any, text: Callable[[], object]) -> Cost:
    """Counts what the loop runs for one pair: its gradient, in each of the ways."""
    base = sum(p.numel() for p in backbone.denoiser.parameters())
    named = with_lora(backbone)
    images = torch.zeros(2, 3, SIDE, SIDE, device="meta")

    def step(way: gradient.Way, objective: str = "asap") -> object:
        return way(learner(backbone, named, objective), micro(batch))

    def reference() -> None:
        reference_errors(backbone, batch, micro(batch).t, micro(batch).eps)

    return Cost(
        vae=without_gradients(lambda: posterior_mean(vae, images)),
        text=without_gradients(text),
        policy=operations(lambda: step(gradient.joint)),
        reference=without_gradients(reference),
        split=operations(lambda: step(gradient.split)),
        sft_policy=operations(lambda: step(gradient.joint, "sft")),
        base=base,
        trained=sum(p.numel() for p in named.values()),
        kept=(
            most_kept(lambda: step(gradient.joint), backbone),
            most_kept(lambda: step(gradient.split), backbone),
        ),
    )


def learner(backbone: Backbone, named: dict[str, nn.Parameter], objective: str) -> Learner:
    """The learner of the loop, with the published settings."""
    bound = objectives.bind(objective, alpha=10.0, tau=0.01, beta=5000.0)
    return Learner(backbone, named, bound, objective in objectives.UNPAIRED)


def micro(batch: Batch) -> Micro:
    """One pair whose reference errors are known, on the meta device."""
    number = torch.ones(1, device="meta")
    known = Errors(number, number)
    return Micro(batch, [Shown(0, 0)], number, torch.zeros_like(batch.winner), (known, known), number)


def most_kept(work: Callable[[], object], backbone: Backbone) -> int:
    """The most bytes that autograd keeps at any time while `work` runs, the network's weights not counted."""
    weights = {id(p) for p in backbone.denoiser.parameters()}
    count = Kept(weights)
    with torch.autograd.graph.saved_tensors_hooks(count.pack, count.unpack):
        work()
    return count.peak


class Kept:
    """Counts tensors that autograd keeps, each once, as long as one of its keepers lives."""

    def __init__(self, weights: set[int]) -> None:
        self.weights, self.alive, self.peak = weights, 0, 0
        self.held: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> Handle:
        """Take note that `tensor` is kept."""
        return Handle(self, tensor)

    def unpack(self, handle: Handle) -> Tensor:
        """The tensor that is needed."""
        return handle.tensor

    def add(self, key: int, size: int) -> None:
        """One more keeper of the tensor `key`, which has `size` bytes."""
        self.held[key] = self.held.get(key, 0) + 1
        self.alive += size if self.held[key] == 1 else 0
        self.peak = max(self.peak, self.alive)

    def drop(self, key: int, size: int) -> None:
        """One keeper less."""
        self.held[key] -= 1
        self.alive -= 0 if self.held[key] else size


class Handle:
    """What autograd holds in a tensor's place. Views of one storage are counted as one tensor."""

    def __init__(self, count: Kept, tensor: Tensor) -> None:
        self.count, self.tensor = count, tensor
        base = tensor if tensor._base is None else tensor._base
        self.key, self.size = id(base), base.numel() * base.element_size()
        self.base = base  # keeps the id taken
        self.counted = self.key not in count.weights
        if self.counted:
            count.add(self.key, self.size)

    def __del__(self) -> None:
        if self.counted:
            self.count.drop(self.key, self.size)


@torch.no_grad()
def without_gradients(work: Callable[[], object]) -> float:
    """10^12 operations of `work`, forward alone."""
    return operations(work)


def operations(work: Callable[[], object]) -> float:
    """10^12 floating-point operations of `work`'s products and convolutions; one multiply-add is two."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 1e12


def with_lora(backbone: Backbone) -> dict[str, nn.Parameter]:
    """Put the family's LoRA on the denoiser; returns its parameters, the only trainable ones."""
    rank = RECIPES[backbone.name].rank
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=rank, alpha=rank, seed=0)
    return {name: p for name, p in backbone.denoiser.named_parameters() if p.requires_grad}


if __name__ == "__main__":
    run()
