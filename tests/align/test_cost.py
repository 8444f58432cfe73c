"""What a step costs at full size, counted on the meta device: the figures that the documentation states."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asap.align import gradient

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import operations


@pytest.mark.parametrize(("family", "most"), [("sdxl", 28.5), ("flux", 330.0)])
def test_operations_of_a_pair_and_step_at_1024_pixels(family: str, most: float) -> None:
    """10^12 operations, the reference's errors cached, activations kept."""
    backbone, batch, *_ = getattr(operations, family)()
    named = operations.with_lora(backbone)
    learner, micro = operations.learner(backbone, named, "asap"), operations.micro(batch)
    counted = operations.operations(lambda: gradient.split(learner, micro))
    assert 0.9 * most < counted <= most
    assert all(p.grad is not None and p.grad.shape == p.shape for p in named.values())
