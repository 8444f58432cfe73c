"""Weights of rewards: found in a file, a folder or on the hub, read as safetensors, put into a module."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import accelerate
import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from asap.backbones import hub
from asap.errors import UserError
from asap.store import content_id, sampled_id

SMALL = ("*.json", "*.txt", "*.model", "*.jinja")
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
BUFFERS = ("position_ids", "attn_mask", "inv_freq")
"""Last words of entries that older versions wrote though they can be computed."""

State = dict[str, Tensor]


class Weights(NamedTuple):
    """A state dict.

    Attributes:
        source: as the user called it.
        folder: where it lies, with its tokenizer and `config.json` if there are any.
        id: a hash of the files.
    """

    source: str
    state: State
    folder: Path
    id: str


def read(source: str) -> Weights:
    """The weights in a .safetensors file, a folder with one model, or the hub's model of that id.

    Raises:
        UserError: none there, or only pickles, or damaged ones.
    """
    place = Path(source).expanduser()
    if place.is_file():
        files = [place]
    else:
        place = folder_of(source, ("*.safetensors",))
        files = _files(place, source)
    state: State = {}
    for file in files:
        state |= _read(file)
    return Weights(source, state, files[0].parent, content_id([sampled_id(file) for file in files]))


def folder_of(source: str, patterns: Iterable[str] = ()) -> Path:
    """The folder `source`, or that of the hub's model of that id: its small files, and those of `patterns`.

    Raises:
        UserError: no such folder or model, or no network.
    """
    if Path(source).expanduser().is_dir():
        return Path(source).expanduser()
    if Path(source).suffix in (".safetensors", *PICKLES):
        raise UserError(f"{source}: no such file; check the path")
    with hub.or_cache("model", source, "config.json"):
        return Path(snapshot_download(source, allow_patterns=[*SMALL, *patterns]))


def _files(folder: Path, source: str) -> list[Path]:
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    found = sorted(folder.glob("*.safetensors"))
    if whole in found:
        return [whole]
    if index.is_file():
        return [folder / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]
    if len(found) > 1:
        raise UserError(f"{source} holds {len(found)} .safetensors files; give the path of one")
    if not found:
        pickle = next((path for path in sorted(folder.iterdir()) if path.suffix in PICKLES), None)
        raise UserError(_no_pickle(pickle) if pickle else f"{source} holds no .safetensors file; give one")
    return found


def _read(path: Path) -> State:
    if path.suffix != ".safetensors":
        raise UserError(_no_pickle(path))
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: no weights that can be read ({type(error).__name__})") from None


def _no_pickle(path: Path) -> str:
    return f"{path}: only .safetensors files are read; convert this one by {conversion(path)}"


def conversion(path: Path) -> str:
    """The command by which users turn a file of torch.save into safetensors; it runs no code of the file."""
    old, new = (json.dumps(str(name)) for name in (path, path.with_suffix(".safetensors")))
    code = (
        f"import torch, safetensors.torch as s; d = torch.load({old}, map_location='cpu', weights_only=True);"
        " d = d.get('state_dict', d); "
        f"s.save_file({{k: v.clone() for k, v in d.items() if torch.is_tensor(v)}}, {new})"
    )
    return f"python -c {shlex.quote(code)}"


def below(weights: Weights, key: str, what: str) -> State:
    """The entries that stand beside `key`, without what stands before `key` in their names.

    Raises:
        UserError: no such entry, or several; `what` says whose weights were expected.
    """
    starts = {name.removesuffix(key) for name in weights.state if f".{name}".endswith(f".{key}")}
    if len(starts) != 1:
        raise UserError(f"{weights.source}: not the weights of {what} ({len(starts)} entries called {key})")
    (start,) = starts
    return {
        name.removeprefix(start): value
        for name, value in weights.state.items()
        if name.startswith(start) and not name.endswith(BUFFERS)
    }


def part(state: Mapping[str, Tensor], start: str) -> State:
    """The entries whose names begin with `start`, without it."""
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}


def filled(make: Any, state: Mapping[str, Tensor], source: str, device: str, dtype: str) -> Any:
    """What `make()` gives, an `nn.Module`, with the weights `state`, for use; nothing is made twice.

    Raises:
        UserError: entries that are missing, too many, or of other shapes.
    """
    with accelerate.init_empty_weights(include_buffers=False):
        module: nn.Module = make()
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in state.items()}
    if wanted != given:
        raise UserError(f"{source}: weights of another shape or model ({_difference(wanted, given)})")
    kind = getattr(torch, dtype)
    module.load_state_dict({name: value.to(device, kind) for name, value in state.items()}, assign=True)
    return module.to(device).eval().requires_grad_(False)


def _difference(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> str:
    """The first entry that differs."""
    if missing := sorted(wanted.keys() - given.keys()):
        return f"{missing[0]} is missing" + (f", and {len(missing) - 1} more" if missing[1:] else "")
    if extra := sorted(given.keys() - wanted.keys()):
        return f"{extra[0]} has no place" + (f", and {len(extra) - 1} more" if extra[1:] else "")
    name = next(name for name in wanted if wanted[name] != given[name])
    return f"{name} is {given[name]}, expected {wanted[name]}"
