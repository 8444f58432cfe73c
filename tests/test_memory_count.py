"""`benchmarks/memory.py` counts what is there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from asap.backbones.load import load
from frugal import allow_nf4_on_cpu, skip_unless_installed, stored_bytes


@pytest.fixture(scope="module")
def memory() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
    try:
        return importlib.import_module("memory")
    finally:
        sys.path.pop(0)


def test_a_tensor_counts_from_its_making_to_its_end(memory: Any) -> None:
    with FakeTensorMode():
        before = torch.empty(1000)
        with memory.Ledger([before]) as ledger:
            a = before[:500].view(5, 100)
            assert ledger.now == 0
            b, c = a + 1, a.bfloat16()
            assert ledger.now == 2000 + 1000
            a = b.t()
            del b
            assert ledger.now == 3000
            del a, c
            assert (ledger.now, ledger.peak) == (0, 3000)


def test_what_the_backward_pass_needs_counts_until_then(memory: Any) -> None:
    with FakeTensorMode():
        x, layer = torch.empty(10, 100, requires_grad=True), nn.Linear(100, 200)
        with memory.Ledger([x, *layer.parameters()]) as ledger:
            y = layer(x).exp().sum()  # exp keeps its result
            assert ledger.now == 4 * (10 * 200 + 1)
            y.backward()
            del y
            assert ledger.now == 4 * (10 * 100 + 200 * 100 + 200)  # the gradients


@pytest.mark.parametrize("kind", ["bf16", "int8", "fp8", "nf4"])
def test_a_stored_base_has_the_bytes_that_are_counted(
    kind: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize = {} if kind == "bf16" else {"quantize": kind}
    if quantize:
        skip_unless_installed(kind)
    if kind == "nf4":
        allow_nf4_on_cpu(monkeypatch)
    base = memory.count(load("mini-hand").denoiser)
    stored = load("mini-hand", dtype="bfloat16", **quantize).denoiser
    # small layers end in a started block of 64 or 256 numbers
    assert base.stored(kind) == pytest.approx(stored_bytes(stored), rel=0.02 if kind == "nf4" else 1e-6)
