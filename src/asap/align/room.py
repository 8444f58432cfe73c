"""Whether the disk holds what a run will write, told before anything is computed."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor

from asap.align.cut import Cut
from asap.backbones.backbone import Backbone
from asap.errors import UserError

BYTES = 4  # of a float32
KEPT = 3  # checkpoints at a time: the last, the last good one, and one that is being written
SPARE = 1 << 26  # bytes left for logs and pictures


def check(folder: Path, needed: int, what: str) -> None:
    """Raises UserError: `needed` bytes for `what` are not free where `folder` is or will be."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed + SPARE > free:
        raise UserError(
            f"{folder}: {what} will take about {_size(needed)}, and {_size(free)} are free; free some space, "
            "or give a folder on another disk"
        )


def of_latents(backbone: Backbone, pairs: int, cut: Cut) -> int:
    """Bytes of the cached latents and regions of so many pairs."""
    positions = (cut.resolution // backbone.latent_factor) ** 2
    return pairs * positions * (2 * backbone.latent_channels + 1) * BYTES


def of_caption(condition: Mapping[str, Tensor]) -> int:
    """Bytes of one caption's embeddings in the cache."""
    return sum(tensor.numel() * tensor.element_size() for tensor in condition.values())


def of_checkpoints(backbone: Backbone, layers: Mapping[str, int], rank: int, *, averaged: bool) -> int:
    """Bytes of the checkpoints that are there at a time, and of the LoRA on the denoiser's `layers`.

    A checkpoint holds weights and AdamW's two moments, and their average where there is one.
    """
    sizes = [size for name, size in layers.items() if _adapted(name, backbone.lora_targets)]
    return rank * sum(sizes) * BYTES * (KEPT * (3 + averaged) + 1 + averaged)


def check_targets(backbone: Backbone, names: Collection[str]) -> None:
    """Raises UserError: some of the LoRA's targets are none of the denoiser's layers, `names`."""
    missing = [t for t in backbone.lora_targets if not any(_adapted(name, (t,)) for name in names)]
    if missing:
        raise UserError(
            f"{backbone.source} has no layers {', '.join(missing)}, on which a LoRA of {backbone.name} "
            f"goes; its linear layers end in {', '.join(sorted({n.rpartition('.')[2] for n in names})[:12])}"
        )


def _adapted(name: str, targets: tuple[str, ...]) -> bool:
    """Whether peft puts a LoRA on the layer `name`."""
    return any(name == target or name.endswith(f".{target}") for target in targets)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
