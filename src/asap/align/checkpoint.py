"""A training run's state in one safetensors file, written whole.

LoRA, AdamW's moments, the step, and what else the run goes by, such as a sampler's lags.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from asap import store
from asap.errors import UserError


def write(
    path: Path,
    step: int,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Store everything that the loop needs to go on after `step` finished steps; `state` is what it needs
    besides parameters and optimiser."""
    tensors = {f"weight/{name}": p.detach().cpu().contiguous() for name, p in parameters.items()}
    for name, parameter in parameters.items():
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    tensors |= {f"state/{name}": tensor.cpu().contiguous() for name, tensor in (state or {}).items()}
    store.write_atomic(path, save(tensors, metadata={"step": str(step)}))


def read(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Tensor] | None = None,
) -> int:
    """Bring parameters, optimiser and `state` to what `path` holds; returns the finished steps, 0 without a
    file.

    Raises:
        UserError: the file is damaged or belongs to another LoRA.
    """
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            step = int(file.metadata()["step"])
        for name, tensor in (state or {}).items():
            tensor.copy_(tensors.pop(f"state/{name}"))
        _restore(tensors, parameters, optimizer)
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{path} is damaged or of another LoRA ({error}); delete it to start over") from None
    return step


def step_of(path: Path) -> int:
    """The finished steps of the checkpoint `path`.

    Raises:
        UserError: it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return int(file.metadata()["step"])
    except (SafetensorError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it to start over") from None


def _restore(
    tensors: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"weight/{name}"])
    for key_name, tensor in tensors.items():
        key, _, name = key_name.partition("/")
        if key != "weight":
            optimizer.state[parameters[name]][key] = tensor.to(parameters[name].device)
