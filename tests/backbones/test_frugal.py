"""Frozen weights in fewer bits or on another device: what they cost, and that they mean the same."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from asap.backbones import frozen, lora, quantized
from asap.backbones.backbone import Backbone
from asap.backbones.load import load
from asap.errors import UserError
from families import FAMILIES, condition_of
from frugal import allow_nf4_on_cpu, saved_bytes, skip_unless_installed, stored_bytes

# kind -> largest relative error of a prediction of mini-hand, and largest share of its bytes in float32
LIMITS = {"int8": (0.005, 0.27), "fp8": (0.02, 0.27), "nf4": (0.08, 0.14)}


@pytest.fixture(params=LIMITS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    skip_unless_installed(request.param)
    if request.param == "nf4":
        allow_nf4_on_cpu(monkeypatch)
    return str(request.param)


def hand(**stored: Any) -> tuple[Backbone, Callable[[], Tensor]]:
    """mini-hand, and its prediction for eight noises."""
    backbone = load("mini-hand", **stored)
    z_t = torch.randn(8, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    t, condition = torch.linspace(0.1, 1, 8), backbone.condition(["a hand"] * 8)
    return backbone, lambda: backbone.predict(z_t, t, condition)


def with_lora(backbone: Backbone) -> list[nn.Parameter]:
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=0, device=backbone.device)
    return [p for p in backbone.denoiser.parameters() if p.requires_grad]


def gradient(backbone: Backbone, predict: Callable[[], Tensor]) -> Tensor:
    parameters = with_lora(backbone)
    predict().square().mean().backward()
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])


def test_quantised_it_is_small_and_predicts_nearly_the_same(kind: str) -> None:
    (plain, exact), (small, predict) = hand(), hand(quantize=kind)
    error, share = LIMITS[kind]
    with torch.no_grad():
        wanted, got = exact(), predict()
    assert 0 < (got - wanted).norm() < error * wanted.norm()
    assert stored_bytes(small.denoiser) < share * stored_bytes(plain.denoiser)


def test_a_lora_on_a_quantised_base_starts_as_that_base_and_learns_the_same(kind: str) -> None:
    (plain, exact), (small, predict) = hand(), hand(quantize=kind)
    with torch.no_grad():
        before = predict()
    wanted, got = gradient(plain, exact), gradient(small, predict)
    assert torch.equal(before, predict())
    with torch.no_grad(), lora.adapter_off(small.denoiser):
        assert torch.equal(before, predict())
    assert torch.cosine_similarity(wanted, got, dim=0) > 0.98
    kinds = {p.dtype for p in small.denoiser.parameters() if p.requires_grad}
    assert kinds == {torch.float32}


def test_autograd_keeps_no_weight_of_a_quantised_base_in_full(kind: str) -> None:
    (plain, exact), (small, predict) = hand(), hand(quantize=kind)
    for backbone in (plain, small):
        with_lora(backbone)
    assert saved_bytes(small.denoiser, predict) <= saved_bytes(plain.denoiser, exact)


@pytest.mark.parametrize("family", FAMILIES)
def test_offloaded_it_computes_the_same(family: str, tiny_family: Callable[[str], Path]) -> None:
    folder = str(tiny_family(family))
    got = []
    for offload in (False, True):
        backbone = load(folder, offload=offload)
        condition = condition_of(backbone)
        z = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        t = backbone.times(2, torch.Generator().manual_seed(0))
        predict = lambda b=backbone, z=z, t=t, c=condition: b.predict(z, t, c)  # noqa: E731
        got.append(torch.cat([gradient(backbone, predict), predict().detach().flatten()]))
    torch.testing.assert_close(got[0], got[1], rtol=1e-5, atol=1e-7)


class OneDevice(TorchDispatchMode):
    """Inside, nothing but a copy takes tensors of two devices, as on a GPU."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        used = {x.device.type for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and x.dim()}
        assert len(used) < 2 or "copy" in str(function), f"{function} of {used}"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_offloaded_weights_cross_over_for_their_use_alone(checkpointing: bool) -> None:
    """The meta device stands for the GPU."""
    backbone, _ = hand()
    network: Any = backbone.denoiser
    frozen.freeze(network)
    frozen.offload(network, "meta")
    lora.add_lora(network, backbone.lora_targets, rank=4, alpha=4, seed=0, device="meta")
    if checkpointing:
        network.train().enable_gradient_checkpointing()
    on_cpu = {name: p for name, p in network.named_parameters() if p.device.type == "cpu"}
    assert on_cpu and all("blocks" in name and name.endswith("weight") for name in on_cpu)
    shapes = {p.shape for p in on_cpu.values()}
    condition = {
        "embeddings": torch.empty(2, 16, 64, device="meta"),
        "pooled": torch.empty(2, 64, device="meta"),
    }
    z_t, t = torch.empty(2, 3, 24, 24, device="meta"), torch.empty(2, device="meta")
    saved: list[Tensor] = []
    with OneDevice():
        with torch.autograd.graph.saved_tensors_hooks(lambda x: (saved.append(x), x)[1], lambda x: x):
            predicted = backbone.predict(z_t, t, condition)
        predicted.square().mean().backward()
    assert {p.grad.device.type for p in network.parameters() if p.grad is not None} == {"meta"}
    assert {name for name, p in network.named_parameters() if p.device.type == "cpu"} == set(on_cpu)
    # of the weights that cross over, autograd keeps those on the CPU, and no copy
    assert {x.device.type for x in saved if x.shape in shapes} == ({"cpu"} if not checkpointing else set())


@pytest.mark.parametrize("kind", quantized.PACKAGES)
def test_what_is_missing_is_told_in_one_line(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = quantized.PACKAGES[kind]
    monkeypatch.setattr(quantized, "find_spec", lambda name: None if name == package else find_spec(name))
    with pytest.raises(UserError, match=f"--quantize {kind} needs {package}; `pip install {package}`"):
        load("mini-hand", quantize=kind)


def test_what_does_not_go_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized, "find_spec", lambda _: True)
    with pytest.raises(UserError, match="nf4 needs a GPU"):
        load("mini-hand", quantize="nf4")
    with pytest.raises(UserError, match="does not go with --offload"):
        quantized.check("nf4", "cuda", offload=True)
    with pytest.raises(UserError, match="known are none, int8, fp8, nf4"):
        load("mini-hand", quantize="int3")
