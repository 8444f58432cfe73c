"""What the tests of frugal training share: bytes stored and saved, and 4-bit weights without a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from asap.backbones import quantized


def stored_bytes(network: nn.Module) -> int:
    """Bytes of the parameters and buffers of `network` as they are stored, with their scales."""
    return sum(_bytes(tensor) for tensor in (*network.parameters(), *network.buffers()))


def _bytes(tensor: Tensor) -> int:
    if names := getattr(tensor, "tensor_data_names", None):  # of torchao
        return sum(_bytes(getattr(tensor, name)) for name in names)
    state = getattr(tensor, "quant_state", None)  # of bitsandbytes
    scales = [state.absmax, state.state2.absmax] if state else []
    return sum(part.numel() * part.element_size() for part in (tensor, *scales))


def saved_bytes(network: nn.Module, work: Callable[[], object]) -> int:
    """Bytes that autograd keeps of `work` for its backward pass, but for the parameters themselves."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters() if type(p) is nn.Parameter}
    kept: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        if type(tensor) in (Tensor, nn.Parameter):  # quantised weights are kept as they are
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        held = work()
    del held
    return sum(storage.nbytes() for pointer, storage in kept.items() if pointer not in own)


def skip_unless_installed(kind: str) -> None:
    package = quantized.PACKAGES[kind]
    pytest.importorskip(package, reason=f"--quantize {kind} needs {package}")


def allow_nf4_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """bitsandbytes computes with 4 bits on a CPU, too; only diffusers wants a GPU for it."""
    import bitsandbytes
    from diffusers.quantizers.bitsandbytes.bnb_quantizer import BnB4BitDiffusersQuantizer

    real = bitsandbytes.nn.Linear4bit.__init__

    def without_packing(self: Any, *args: Any, **settings: Any) -> None:
        real(self, *args, **settings)
        self.support_avx512bf16_for_cpu = False  # that takes rows of 64 numbers and more alone

    monkeypatch.setattr(bitsandbytes.nn.Linear4bit, "__init__", without_packing)
    monkeypatch.setattr(BnB4BitDiffusersQuantizer, "validate_environment", lambda *_, **__: None)
    monkeypatch.setattr(BnB4BitDiffusersQuantizer, "update_device_map", lambda _, placed: placed)
    monkeypatch.setattr(quantized, "check", lambda *_, **__: None)
