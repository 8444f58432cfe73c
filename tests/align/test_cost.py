"""What a step costs at full size, counted on the meta device: the figures that the documentation states."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asap.align import gradient

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import operations


def counted(family: str) -> float:
    """10^12 operations of a pair and step at 1024 pixels; the reference's errors cached, activations kept."""
    backbone, batch, *_ = getattr(operations, family)()
    named = operations.with_lora(backbone)
    learner, micro = operations.learner(backbone, named, "asap"), operations.micro(batch)
    count = operations.operations(lambda: gradient.split(learner, micro))
    assert all(p.grad is not None and p.grad.shape == p.shape for p in named.values())
    return count


def test_operations_of_sdxl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal blocks cost the same, so that two networks tell what one of 10 blocks costs."""
    counts = []
    for blocks in (1, 2):
        layers = {"transformer_layers_per_block": (1, 2, blocks)}
        monkeypatch.setattr(operations, "SDXL_UNET", operations.SDXL_UNET | layers)
        counts.append(counted("sdxl"))
    whole = counts[0] + 9 * (counts[1] - counts[0])
    assert 28.3 < whole <= 28.5


def test_operations_of_flux(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for SDXL: FLUX.1 has 19 blocks of one kind and 38 of another."""
    counts = []
    for double, single in ((1, 1), (2, 1), (1, 2)):
        layers = {"num_layers": double, "num_single_layers": single}
        monkeypatch.setattr(operations, "FLUX_DEV", operations.FLUX_DEV | layers)
        counts.append(counted("flux"))
    whole = counts[0] + 18 * (counts[1] - counts[0]) + 37 * (counts[2] - counts[0])
    assert 328 < whole <= 330
