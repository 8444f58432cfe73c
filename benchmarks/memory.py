"""How much memory a step of `asap train` takes at full size, by count.

    python benchmarks/memory.py [--model sdxl|flux]

The networks of `operations.py` are built under torch's fake tensors, which have shapes and no numbers; every
block of memory that the training step's own code asks for is counted from its making to its end.
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from operations import FLUX_DEV, LATENT, SDXL_UNET, with_lora
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from asap.align import objectives
from asap.align.latents import Batch
from asap.align.step import pair_errors
from asap.backbones.backbone import Backbone, Condition
from asap.backbones.flux import Flux
from asap.backbones.sdxl import SDXL

GIB = 2**30
# bits a weight: torchao's codes (and 32 for the scale of each row, counted apart), and bitsandbytes' codes with
# 8 for each 64 of them and 32 for each 256 of those
BITS = {"bf16": 16.0, "int8": 8.0, "fp8": 8.0, "nf4": 4 + 8 / 64 + 32 / (64 * 256)}


class Ledger(TorchDispatchMode):
    """Counts the bytes of all tensors made inside, until they are gone; `peak` is the most at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

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


def run(models: Sequence[str]) -> None:
    """Print the tables of `benchmarks/memory.md`."""
    print("| model | frozen, bf16 | int8 or fp8 | nf4 | step, GiB | with checkpointing, GiB |")
    print("|---|---:|---:|---:|---:|---:|")
    counted = {}
    for name in models:
        with FakeTensorMode():
            base = count(MODELS[name]()[0].denoiser)
            steps = [peak(*MODELS[name](), checkpointing=c) for c in (False, True)]
        counted[name] = base, steps
        sizes = [base.stored(kind) / GIB for kind in ("bf16", "int8", "nf4")]
        print(row(name, *sizes, *(s / GIB for s in steps)))
    print("\n| model | base | sum, GiB | with checkpointing, GiB |\n|---|---|---:|---:|")
    for name, (base, steps) in counted.items():
        for kind in BITS:
            fixed = base.stored(kind) + base.transient(kind)
            print(row(f"{name} | {kind}", *((fixed + step) / GIB for step in steps)))


def row(name: str, *values: float) -> str:
    return f"| {name} | {' | '.join(f'{value:.1f}' for value in values)} |"


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


def peak(backbone: Backbone, batch: Batch, *, checkpointing: bool) -> int:
    """Bytes at the highest point of the second step, beyond the frozen parameters.

    LoRA, gradients, AdamW's moments, activations and all that comes and goes are in it.
    """
    if checkpointing:
        backbone.denoiser.enable_gradient_checkpointing()  # type: ignore[operator]
    with Ledger() as ledger, as_on_cuda():
        parameters = with_lora(backbone)
        optimizer = torch.optim.AdamW(parameters.values(), lr=1e-4)
        for _ in range(2):
            ledger.peak = ledger.now
            step(backbone, batch, optimizer)
    return ledger.peak


def step(backbone: Backbone, batch: Batch, optimizer: torch.optim.Optimizer) -> None:
    """What the loop does in a step under asap, batch size 1."""
    objective = objectives.bind("asap", alpha=10.0, tau=0.01, beta=5000.0)
    t, eps = torch.ones(1), torch.zeros_like(batch.winner)
    with torch.autocast("cpu", torch.bfloat16):
        errors = pair_errors(backbone, batch, t, eps)
    optimizer.zero_grad()
    objective(errors).mean().backward()
    optimizer.step()


@contextmanager
def as_on_cuda() -> Iterator[None]:
    """Inside, norms and resizing are computed in float32, as autocast has it on a GPU and not on a CPU."""
    names = ("layer_norm", "group_norm", "interpolate")
    real: dict[str, Callable[..., Tensor]] = {name: getattr(functional, name) for name in names}

    def widened(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def call(*args: Any, **settings: Any) -> Tensor:
            if not torch.is_autocast_enabled("cpu"):
                return function(*args, **settings)
            wide = [a.float() if isinstance(a, Tensor) else a for a in args]
            return function(*wide, **{k: v.float() if isinstance(v, Tensor) else v for k, v in settings.items()})

        return call

    for name, function in real.items():
        setattr(functional, name, widened(function))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(functional, name, function)


def sdxl() -> tuple[Backbone, Batch]:
    """SDXL's network in bfloat16 and one cached pair, without numbers."""
    from diffusers import DDPMScheduler, UNet2DConditionModel

    backbone = SDXL("", dtype="bfloat16")
    backbone.denoiser = frozen(UNet2DConditionModel, SDXL_UNET)
    backbone._scheduler = DDPMScheduler()
    condition = {
        "embeddings": torch.zeros(1, 77, 2048, dtype=torch.bfloat16),
        "pooled": torch.zeros(1, 1280, dtype=torch.bfloat16),
        "time_ids": torch.zeros(1, 6),
    }
    return backbone, pair(4, condition)


def flux() -> tuple[Backbone, Batch]:
    """The same of FLUX.1-dev."""
    from diffusers import FluxTransformer2DModel

    backbone = Flux("", dtype="bfloat16")
    backbone.denoiser = frozen(FluxTransformer2DModel, FLUX_DEV)
    condition = {
        "embeddings": torch.zeros(1, 512, 4096, dtype=torch.bfloat16),
        "pooled": torch.zeros(1, 768, dtype=torch.bfloat16),
    }
    return backbone, pair(16, condition)


def frozen(make: Callable[..., nn.Module], config: dict[str, Any]) -> nn.Module:
    """A frozen network in bfloat16, made so: a fake parameter cannot be cast in its place."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        return make(**config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(torch.float32)


def pair(channels: int, condition: Condition) -> Batch:
    latent = torch.zeros(1, channels, LATENT, LATENT)
    return Batch(latent, latent.clone(), latent[:, 0], condition)


MODELS = {"sdxl": sdxl, "flux": flux}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, action="append")
    run(parser.parse_args().model or list(MODELS))
