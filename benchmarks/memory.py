"""How much memory a step of `asap train` takes at full size, by count.

    python benchmarks/memory.py

The networks of `operations.py` are built under torch's fake tensors, which have shapes and no numbers; every
block of memory that the training step's own code asks for is counted from its making to its end.
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

import operations
from asap.align import gradient
from asap.align.latents import Batch

GIB = 2**30
# bits a weight: torchao's codes (the scale of each row is counted apart); bitsandbytes' codes, and 8 bits
# for each 64 of them, and 32 for each 256 of those
BITS = {"bf16": 16.0, "int8": 8.0, "fp8": 8.0, "nf4": 4 + 8 / 64 + 32 / (64 * 256)}


class Ledger(TorchDispatchMode):
    """Counts the bytes of all tensors made inside, until they are gone; `peak` is the most at one time.

    What was made `before` is not counted, nor are views of it.
    """

    def __init__(self, before: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known = {tensor.untyped_storage()._cdata for tensor in before}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            if isinstance(made, Tensor):
                self._enter(made.untyped_storage())
        return result

    def _enter(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._leave, key, size)

    def _leave(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


@dataclass(frozen=True)
class Base:
    """A denoiser's frozen parameters: how many are in linear layers, in how many rows; how many elsewhere.

    `largest` is the greatest weight: what a layer's weight takes in 16 bits while it is used.
    """

    linear: int
    rows: int
    rest: int
    largest: int

    def stored(self, kind: str) -> float:
        """Bytes as `--quantize` stores them; what is not in linear layers stays in 16 bits."""
        scales = 4 * self.rows if kind in ("int8", "fp8") else 0
        return self.linear * BITS[kind] / 8 + scales + 2 * self.rest

    def transient(self, kind: str) -> float:
        return 0 if kind == "bf16" else 2 * self.largest


MODELS = {"SDXL": operations.sdxl, "FLUX.1-dev": operations.flux}
WAYS: dict[str, gradient.Way] = {"joint": gradient.joint, "split": gradient.split}


def run(models: Sequence[str]) -> None:
    """Print the tables of `benchmarks/memory.md`."""
    bases, steps = {}, {}
    for name in models:
        bases[name] = count(MODELS[name]()[0].denoiser)
        for checkpointing in (False, True):
            for way, function in WAYS.items():
                steps[name, way, checkpointing] = peak(name, function, checkpointing=checkpointing)
    print("| frozen denoiser, GiB | bf16 | int8 or fp8 | nf4 | its largest layer, bf16 |")
    print("|---|---:|---:|---:|---:|")
    for name, base in bases.items():
        stored = [base.stored(kind) for kind in ("bf16", "int8", "nf4")]
        print(row(name, *stored, base.transient("int8")))
    print("\n| step, GiB | joint | split | joint, checkpointing | split, checkpointing |")
    print("|---|---:|---:|---:|---:|")
    for name in models:
        print(row(name, *(steps[name, way, c] for c in (False, True) for way in WAYS)))
    print("\n| both, GiB | joint | split | joint, checkpointing | split, checkpointing |")
    print("|---|---:|---:|---:|---:|")
    for name, base in bases.items():
        for kind in BITS:
            fixed = base.stored(kind) + base.transient(kind)
            sums = [fixed + steps[name, way, c] for c in (False, True) for way in WAYS]
            print(row(f"{name}, {kind}", *sums))


def row(name: str, *sizes: float) -> str:
    """A row of sizes given in bytes."""
    return f"| {name} | {' | '.join(f'{size / GIB:.2f}' for size in sizes)} |"


def count(network: nn.Module) -> Base:
    """The frozen parameters of `network`."""
    weights = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]
    linear = sum(weight.numel() for weight in weights)
    return Base(
        linear=linear,
        rows=sum(len(weight) for weight in weights),
        rest=sum(p.numel() for p in network.parameters()) - linear,
        largest=max(weight.numel() for weight in weights),
    )


def peak(name: str, way: gradient.Way, *, checkpointing: bool) -> int:
    """Bytes at the highest point of a step that is not the first, beyond the frozen parameters.

    LoRA, gradients, AdamW's moments, activations and all that comes and goes are in it.
    """
    backbone, batch, *_ = MODELS[name]()
    named = operations.with_lora(backbone)
    if checkpointing:
        backbone.denoiser.enable_gradient_checkpointing()  # type: ignore[operator]
    with FakeTensorMode(allow_non_fake_inputs=True), as_on_cuda():
        fake(backbone.denoiser, trained=False)
        with Ledger(backbone.denoiser.parameters()) as ledger:
            fake(backbone.denoiser, trained=True)
            named = {n: p for n, p in backbone.denoiser.named_parameters() if p.requires_grad}
            optimizer = torch.optim.AdamW(named.values(), lr=1e-4, foreach=True)
            for p in named.values():
                p.grad = torch.empty_like(p)
            optimizer.step()  # makes the moments
            optimizer.zero_grad()
            ledger.peak = ledger.now
            way(operations.learner(backbone, named, "asap"), micro(batch))
            optimizer.step()
    return ledger.peak


def fake(network: nn.Module, *, trained: bool) -> None:
    """Put fake tensors of the CPU in the place of those parameters on the meta device that are trained, or
    that are not."""
    for module in network.modules():
        for name, p in module.named_parameters(recurse=False):
            if p.requires_grad == trained:
                made = torch.empty(p.shape, dtype=p.dtype)
                setattr(module, name, nn.Parameter(made, requires_grad=trained))


def micro(batch: Batch) -> gradient.Micro:
    """`operations.micro` of `batch`, with fake tensors of the CPU in the place of the meta device's."""
    return tree_map_only(Tensor, lambda x: torch.empty(x.shape, dtype=x.dtype), operations.micro(batch))


@contextmanager
def as_on_cuda() -> Iterator[None]:
    """Inside, norms and resizing are computed in float32, as autocast has it on a GPU and not on a CPU."""
    names = ("layer_norm", "group_norm", "interpolate")
    real: dict[str, Callable[..., Tensor]] = {name: getattr(functional, name) for name in names}

    def widened(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(*args: Any, **settings: Any) -> Tensor:
            if not torch.is_autocast_enabled("cpu"):
                return function(*args, **settings)
            args, settings = tree_map_only(Tensor, Tensor.float, (args, settings))
            return function(*args, **settings)

        return call

    for name, function in real.items():
        setattr(functional, name, widened(function))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(functional, name, function)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, action="append")
    run(parser.parse_args().model or list(MODELS))
