"""The denoiser made ready for training: its LoRA, recomputed activations, blocks compiled or spread."""

from __future__ import annotations

from torch import nn

from asap import store
from asap.align import shards
from asap.align.train import Config
from asap.backbones import compiled, lora
from asap.backbones.backbone import Backbone


def adapted(config: Config, backbone: Backbone) -> dict[str, nn.Parameter]:
    """Puts a LoRA on the denoiser of `backbone`; returns its parameters by name. `config` is complete."""
    if config.gradient_checkpointing:
        backbone.denoiser.enable_gradient_checkpointing()  # type: ignore[operator]
    lora.add_lora(
        backbone.denoiser,
        backbone.lora_targets,
        rank=config.rank or 1,
        alpha=config.lora_alpha or 1,
        seed=store.seed_of(config.seed, "lora"),
        device=backbone.device,
    )
    named = {name: p for name, p in backbone.denoiser.named_parameters() if p.requires_grad}
    if config.compile:
        compiled.compile_blocks(backbone.denoiser)
    if shards.asked():
        shards.shard(backbone.denoiser)
    return named
