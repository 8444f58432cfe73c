"""A LoRA on a denoiser: put on, switched off for the reference, read, written."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors import SafetensorError
from torch import Tensor, nn

from asap import store
from asap.errors import UserError

ADAPTER = "asap"
WEIGHTS = "pytorch_lora_weights.safetensors"


def add_lora(
    denoiser: Any,
    targets: Sequence[str],
    *,
    rank: int,
    alpha: float,
    seed: int,
    device: torch.device | str | None = None,
) -> None:
    """Freeze `denoiser` and put a LoRA (Hu et al. 2021) on its `targets`.

    The adapter starts as the identity: A is random by `seed` alone, B is zero. Its parameters are float32
    whatever the base's type, so that small updates are not rounded away; they are on `device`, or else where
    the layers' weights are.

    Raises:
        UserError: none of the targets is in the denoiser.
    """
    denoiser.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets), init_lora_weights=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            denoiser.add_adapter(config, ADAPTER)
        except ValueError as error:
            raise UserError(f"no layer matches the LoRA's targets {tuple(targets)}: {error}") from None
    for module in denoiser.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                # peft puts it where the layer's weight is, which may be waiting on the CPU
                moved = parameter.detach().to(device or parameter.device, torch.float32)
                setattr(module, name, nn.Parameter(moved))


@contextmanager
def adapter_off(denoiser: Any) -> Iterator[None]:
    """Inside, `denoiser` is the frozen reference: its adapter adds nothing."""
    denoiser.disable_adapters()
    try:
        yield
    finally:
        denoiser.enable_adapters()


def adapter_state(denoiser: nn.Module) -> dict[str, Tensor]:
    """The LoRA's tensors under peft's names, on the CPU."""
    state = get_peft_model_state_dict(denoiser, adapter_name=ADAPTER)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def adapter_metadata(denoiser: Any) -> dict[str, Any]:
    """The LoRA's configuration as diffusers stores it beside the weights.

    Without it a reload takes alpha = rank, and the effect changes silently.
    """
    metadata: dict[str, Any] = denoiser.peft_config[ADAPTER].to_dict()
    # a set's order changes from process to process; the file should not
    metadata["target_modules"] = sorted(metadata["target_modules"])
    return metadata


@contextmanager
def published(folder: Path) -> Iterator[Path]:
    """A folder to save a LoRA to; on leaving, its file is put into `folder` whole, its header settled."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{WEIGHTS}.", suffix=".tmp") as inside:
        try:
            yield Path(inside)
        except SafetensorError as error:
            with store.full_disk_told(folder / WEIGHTS):
                raise _as_os_error(error) from None
        store.write_atomic(folder / WEIGHTS, _settled((Path(inside) / WEIGHTS).read_bytes()))


def _as_os_error(error: SafetensorError) -> Exception:
    """What the operating system told safetensors, which keeps it as text."""
    found = re.search(r"os error (\d+)", str(error))
    return OSError(int(found[1]), str(error)) if found else error


def _settled(data: bytes) -> bytes:
    """A .safetensors file with sorted keys in its header, so that equal weights are equal bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def load_into(pipeline: Any, path: Path) -> None:
    """Put the LoRA at `path` (a run folder or a .safetensors file) on a diffusers pipeline.

    Raises:
        UserError: no LoRA there, or one that was made for another model.
    """
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"no LoRA at {file}; give the --out folder of a finished `asap train`, or a .safetensors file"
        )
    try:
        with _quiet_peft():
            pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name=ADAPTER)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise UserError(f"{file} does not fit {type(pipeline).__name__}: {_reason(error)}") from None
    if ADAPTER not in _adapters(pipeline):
        raise UserError(
            f"{file} holds no weights for {type(pipeline).__name__}; was it trained for another model?"
        )


def _adapters(pipeline: Any) -> set[str]:
    return {name for names in pipeline.get_list_adapters().values() for name in names}


@contextmanager
def _quiet_peft() -> Iterator[None]:
    """Diffusers logs all shapes that differ, one line each, before it raises the same."""
    log = logging.getLogger("diffusers.loaders.peft")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "size mismatch" in text:
        return "it was trained on another model; give that one as --model"
    return text[:200]
