"""The images of `asap generate`, drawn into a folder that survives any kill."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image as Pillow

from asap import command, progress
from asap.backbones import load, lora
from asap.backbones.backbone import Backbone
from asap.backbones.parts import device_for, dtype_for
from asap.bench.generate import Config, plan
from asap.bench.samples import METADATA
from asap.errors import UserError
from asap.records import Image, Prompt, Sample
from asap.store import (
    Row,
    append_rows,
    commands_of,
    content_id,
    file_id,
    open_run,
    read_config,
    read_rows,
    to_json,
    write_atomic,
)

T = TypeVar("T")


def run(config: Config, prompts: Sequence[Prompt]) -> None:
    """Draw the images that `config` asks for.

    Raises:
        UserError: a model, LoRA, device or size that cannot be had, or a folder made with other settings.
    """
    weights = find_lora(config.lora) if config.lora else None
    device = device_for(config.device)
    backbone = load.load(config.model, device=device, dtype=dtype_for(config.dtype, device))
    _check_size(config.size, backbone)
    claim = partial(_claim, config, _identity(config, prompts, weights, backbone))
    if (config.out / "config.json").exists():
        claim()  # tells of other settings before anything is loaded
    if weights:
        backbone.load_lora(weights)
    draw(
        backbone,
        plan(prompts, config.seeds, config.seed),
        config.out,
        batch=config.batch,
        steps=config.steps,
        guidance=config.guidance,
        size=config.size,
        claim=claim,
    )


def _claim(config: Config, identity: Row) -> None:
    """Open the run; with more images per prompt than it was made for, its command asks for them."""
    record = {
        "seeds": config.seeds,
        "command": command.spell(config, "generate"),
        "before": _made_before(config),
    }
    open_run(config.out, "generate", identity, record)
    found = read_config(config.out)
    if found.get("seeds", 0) < config.seeds:
        write_atomic(config.out / "config.json", to_json({**found, **record}, indent=2) + "\n")


def _made_before(config: Config) -> list[str]:
    """The commands that made the prompts and the LoRA."""
    prompts = commands_of(config.prompts.parent) if config.prompts.is_file() else []
    lora = config.lora and (config.lora if config.lora.is_dir() else config.lora.parent)
    return [*prompts, *(commands_of(lora) if lora else [])]


def _check_size(size: int | None, backbone: Backbone) -> None:
    multiple = backbone.size_multiple
    if size is not None and size % multiple:
        near = max(1, round(size / multiple)) * multiple
        raise UserError(f"--size is {size}; {backbone.name} draws multiples of {multiple}, such as {near}")


def draw(
    backbone: Backbone,
    samples: Sequence[Sample],
    out: Path,
    *,
    batch: int,
    steps: int | None = None,
    guidance: float | None = None,
    size: int | None = None,
    claim: Callable[[], object] = lambda: None,
) -> None:
    """Draw what is missing of `samples` into `out/images` and list it in `out/metadata.jsonl`.

    An image is written whole before its row is. Batches are cut from the whole plan, not from what is left,
    so that a sample always has the same companions and interruptions cannot change a bit of it. `claim` is
    called before anything is written, so that a model that cannot draw the first batch leaves no trace.
    """
    listed = {row["id"] for row in read_rows(out / METADATA)}
    with progress.bar(total=len(samples), initial=len(listed), desc="generate", unit="image") as bar:
        for chunk in _chunks(samples, batch):
            missing = [s for s in chunk if not (out / s.file_name).exists()]
            if missing:
                texts, seeds = [s.text for s in chunk], [s.seed for s in chunk]
                images = backbone.generate(texts, seeds, steps=steps, guidance=guidance, size=size)
                claim()
                _write([(s, i) for s, i in zip(chunk, images, strict=True) if s in missing], out)
            unlisted = [s for s in chunk if s.id not in listed]
            append_rows(out / METADATA, unlisted)
            bar.update(len(unlisted))


def _write(drawn: Sequence[tuple[Sample, Image]], out: Path) -> None:
    for sample, image in drawn:
        buffer = io.BytesIO()
        Pillow.fromarray(image).save(buffer, "PNG")
        write_atomic(out / sample.file_name, buffer.getvalue())


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def find_lora(path: Path) -> Path:
    """The weights file of a LoRA given as a file or as the folder of a run.

    Raises:
        UserError: neither.
    """
    if path.is_file() and path.suffix == ".safetensors":
        return path
    if (path / lora.WEIGHTS).is_file():
        return path / lora.WEIGHTS
    if not path.exists():
        raise UserError(f"{path}: no such LoRA; give an `asap train` run or a .safetensors file")
    raise UserError(
        f"{path}: no {lora.WEIGHTS} there; give a finished `asap train` run or a .safetensors file"
    )


def _identity(
    config: Config, prompts: Sequence[Prompt], weights: Path | None, backbone: Backbone
) -> dict[str, object]:
    """The settings that decide the images; neither batch size, device nor number of images is
    one."""
    return {
        "model": config.model,
        "weights": load.weights_id(backbone),
        "backbone": {"name": backbone.name, **backbone.settings},
        "lora": file_id(weights) if weights else None,
        "prompts": content_id([asdict(p) for p in prompts]),
        "seed": config.seed,
        "steps": config.steps,
        "guidance": config.guidance,
        "size": config.size,
    }
