"""`asap export-lora`: a trained LoRA in the form that another program reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from asap import command, store
from asap.errors import UserError


@dataclass(frozen=True)
class Config(command.Settings):
    """Write a LoRA in the form that ComfyUI or kohya's sd-scripts read. In plain diffusers the run's own file
    loads as it is: `pipeline.load_lora_weights("run")`."""

    lora: tyro.conf.Positional[Path]
    """The --out folder of a finished `asap train`, or a .safetensors file."""
    format: Literal["comfyui", "kohya", "diffusers"]
    """comfyui: all families but mini. kohya: what sd-scripts and musubi-tuner, and programs that read their
    files, know of FLUX.1, FLUX.2, Qwen-Image, SD 1 and 2, SDXL, Z-Image. diffusers: as it is."""
    out: Path
    """The file to write; it must not be there."""
    model: str = ""
    """The model that the LoRA is for, where the file lies in no run folder that says it."""


def run(config: Config) -> Path:
    """Write the file and return it.

    Raises:
        UserError: no LoRA there, no form for its model, or a file that is there already.
    """
    if config.out.suffix != ".safetensors":
        raise UserError(f"--out {config.out}: give a file that ends in .safetensors")
    if config.out.exists():
        raise UserError(f"{config.out} is there already; give another --out, or delete it")
    from asap.backbones import lora

    source = config.lora / lora.WEIGHTS if config.lora.is_dir() else config.lora
    if not source.is_file():
        raise UserError(
            f"no LoRA at {source}; give the --out folder of a finished `asap train`, or a .safetensors file"
        )
    store.write_atomic(config.out, _converted(source, config.format, _model(config)))
    return config.out


def _converted(source: Path, form: str, model: str) -> bytes:
    from safetensors.torch import save

    from asap.backbones import foreign, load

    if form == "diffusers":
        return source.read_bytes()
    layers, family = foreign.read(source), load.family_of(model)
    tensors = (foreign.kohya if form == "kohya" else foreign.comfyui)(layers, family)
    rank = {"ss_network_dim": str(max(len(layer.down) for layer in layers.values()))}
    return save({name: t.contiguous() for name, t in tensors.items()}, {"format": "pt", **rank})


def _model(config: Config) -> str:
    folder = config.lora if config.lora.is_dir() else config.lora.parent
    if config.model or config.format == "diffusers":
        return config.model
    if not (folder / "config.json").is_file() and (folder.parent / "config.json").is_file():
        folder = folder.parent  # of RUN/last
    made = store.read_config(folder) if (folder / "config.json").is_file() else {}
    model = made.get("identity", {}).get("model", "")
    if not model:
        raise UserError(f"{folder} does not say which model the LoRA is for; give --model")
    return str(model)


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    print(f"LoRA: {run(command.parse(Config, argv, 'export-lora'))}")
