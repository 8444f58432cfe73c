"""Linear layers that are never trained, and so need not be kept as they are used.

Autograd saves the weight of a layer for its backward pass. Where the weight is quantised, it saves what was
made of it for the forward pass, which is as large as the weight was at first (torchao 0.18: 16 bits for each
of 8); where the weight has come over from the CPU, that copy. `FrozenLinear` keeps what is stored, and makes
of it once more what it needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class FrozenLinear(nn.Linear):
    """x W^T + b without a gradient of W or b. W may be quantised by torchao, or on another device."""

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = _Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.dtype = x.dtype
        return functional.linear(x, weight.to(x.device, non_blocking=True), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        weight = plain(weight.to(gradient.device, non_blocking=True)).to(gradient.dtype)
        return (gradient @ weight).to(ctx.dtype), None, None


def plain(weight: Tensor) -> Tensor:
    """`weight` as a tensor of floats, whatever torchao made of it."""
    return weight if type(weight) in (Tensor, nn.Parameter) else weight.dequantize()


def freeze(network: nn.Module) -> None:
    """Make `FrozenLinear` of the linear layers of `network`, in place; other layers with weights stay.

    A LoRA comes later: peft takes the layers for what they were.
    """
    for layer in network.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = FrozenLinear


def blocks(network: Any) -> Iterator[nn.Module]:
    """The blocks that `network` (of diffusers) repeats: nearly all of its weights, and of its work."""
    names = network._repeated_blocks or network._no_split_modules
    return (module for module in network.modules() if type(module).__name__ in names)


def offload(network: nn.Module, device: str) -> None:
    """Put `network` on `device` but for the weights of its blocks' linear layers, which stay on the CPU.

    Each crosses over when it is used, forward and backward, and is forgotten there. (diffusers' own
    `enable_group_offload` is for drawing: it takes a block's weights away after the forward pass, when the
    backward pass still needs them, and a LoRA's parameters with them, of which the optimiser holds moments.)
    """
    inside = (layer for block in blocks(network) for layer in block.modules())
    waiting = {id(layer) for layer in inside if type(layer) is FrozenLinear}
    for module in network.modules():
        place(module, device, but=("weight",) if id(module) in waiting else ())
        if isinstance(module, nn.Linear) and id(module) in waiting and torch.device(device).type == "cuda":
            module.weight = nn.Parameter(module.weight.pin_memory(), requires_grad=False)


def place(module: nn.Module, device: torch.device | str, *, but: Collection[str] = ()) -> None:
    """Put the parameters and buffers that are `module`'s own on `device`, all `but` some."""
    for name, parameter in module.named_parameters(recurse=False):
        if name not in but:
            setattr(module, name, nn.Parameter(parameter.to(device), requires_grad=parameter.requires_grad))
    for name, buffer in module.named_buffers(recurse=False):
        setattr(module, name, buffer.to(device))
