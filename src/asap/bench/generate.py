"""`asap generate`: every prompt drawn K times, into a folder of images that survives any kill."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image as Pillow
from tqdm import tqdm

from asap import command
from asap.backbones import lora
from asap.backbones.backbone import Backbone
from asap.backbones.load import load
from asap.bench import prompts as prompt_files
from asap.bench.samples import METADATA
from asap.errors import UserError
from asap.records import Image, Prompt, Sample
from asap.store import append_rows, content_id, exclusive, file_id, open_run, read_rows, seed_of, write_atomic

T = TypeVar("T")
HASHED = 1 << 26  # bytes up to which a weights file is hashed rather than measured


@dataclass(frozen=True)
class Config:
    """Draw images of every prompt; run the same command again to continue after an interruption."""

    prompts: Path
    """Prompts: JSON lines (id, text, category, facts) or a text file with one prompt per line."""
    out: Path
    """Folder for the images: images/*.png, metadata.jsonl and config.json."""
    model: str = "mini"
    """`mini`, a folder in diffusers' layout, or a hub id."""
    lora: Path | None = None
    """A LoRA: the folder of an `asap train` run, or a .safetensors file."""
    seeds: int = 1
    """Images per prompt."""
    seed: int = 0
    """Another number gives other initial noise; equal numbers give every model the same."""
    steps: int | None = None
    """Denoising steps; the model's default if left out."""
    guidance: float | None = None
    """Guidance scale; the model's default if left out."""
    size: int | None = None
    """Pixels a side; the model's default if left out."""
    batch: int = 8
    """Images drawn at once."""
    device: str = "cpu"
    """`cpu`, `cuda`, `mps`."""
    dtype: str = "float32"
    """`float32`, `bfloat16` or `float16`."""


def plan(prompts: Sequence[Prompt], seeds: int, seed: int) -> list[Sample]:
    """The samples to draw, prompt by prompt. A sample's noise seed comes from `seed`, its prompt's id and its
    place among the prompt's images, so that it is the same for every model."""
    return [_sample(prompt, index, seed) for prompt in prompts for index in range(seeds)]


def _sample(prompt: Prompt, index: int, seed: int) -> Sample:
    identity = f"{prompt.id}-{index}"
    noise_seed = seed_of("noise", seed, prompt.id, index) % 2**32  # survives every JSON reader
    name = f"images/{identity}.png"
    return Sample(identity, name, prompt.text, prompt.id, prompt.category, noise_seed, prompt.facts)


def draw(
    backbone: Backbone,
    samples: Sequence[Sample],
    out: Path,
    *,
    batch: int,
    steps: int | None = None,
    guidance: float | None = None,
    size: int | None = None,
) -> None:
    """Draw what is missing of `samples` into `out/images` and list it in `out/metadata.jsonl`.

    An image is written whole before its row is. Batches are cut from the whole plan, not from what is left,
    so that a sample always has the same companions and interruptions cannot change a bit of it.
    """
    listed = {row["id"] for row in read_rows(out / METADATA)}
    with tqdm(total=len(samples), initial=len(listed), desc="generate", unit="image") as progress:
        for chunk in _chunks(samples, batch):
            missing = [s for s in chunk if not (out / s.file_name).exists()]
            if missing:
                texts, seeds = [s.text for s in chunk], [s.seed for s in chunk]
                images = backbone.generate(texts, seeds, steps=steps, guidance=guidance, size=size)
                _write([(s, i) for s, i in zip(chunk, images, strict=True) if s in missing], out)
            unlisted = [s for s in chunk if s.id not in listed]
            append_rows(out / METADATA, unlisted)
            progress.update(len(unlisted))


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


@contextmanager
def _lora_folder(file: Path) -> Iterator[Path]:
    """A folder in which `file` has the name that diffusers looks for."""
    if file.name == lora.WEIGHTS:
        yield file.parent
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / lora.WEIGHTS).symlink_to(file.resolve())
        yield Path(folder)


def run(config: Config) -> Path:
    """Draw `config.seeds` images of every prompt; returns the folder of images.

    Raises:
        UserError: bad prompts, model, LoRA or numbers, or a folder made with other settings.
    """
    for name in ("seeds", "batch"):
        if getattr(config, name) < 1:
            raise UserError(f"--{name} is {getattr(config, name)}; give 1 or more")
    prompts = prompt_files.read(config.prompts)
    weights = find_lora(config.lora) if config.lora else None
    backbone = load(config.model, device=config.device, dtype=config.dtype)
    identity = _identity(config, prompts, weights, backbone)
    with exclusive(config.out):
        open_run(config.out, "generate", identity, {"command": command.spell(config, "generate")})
        if weights:
            with _lora_folder(weights) as folder:
                backbone.load_lora(folder)
        draw(
            backbone,
            plan(prompts, config.seeds, config.seed),
            config.out,
            batch=config.batch,
            steps=config.steps,
            guidance=config.guidance,
            size=config.size,
        )
    return config.out


def _identity(
    config: Config, prompts: Sequence[Prompt], weights: Path | None, backbone: Backbone
) -> dict[str, object]:
    """The settings that decide the images; neither the batch size nor the device is one."""
    return {
        "model": config.model,
        "weights": _weights_id(Path(backbone.source)),
        "backbone": {"name": backbone.name, **backbone.settings},
        "lora": file_id(weights) if weights else None,
        "prompts": content_id([asdict(p) for p in prompts]),
        "seeds": config.seeds,
        "seed": config.seed,
        "steps": config.steps,
        "guidance": config.guidance,
        "size": config.size,
    }


def _weights_id(folder: Path) -> str | None:
    """What the weights in a local folder are: their hashes, or for large files their sizes alone."""
    files = sorted(folder.rglob("*.safetensors")) if folder.is_dir() else []
    facts = [(f.name, size if (size := f.stat().st_size) > HASHED else file_id(f)) for f in files]
    return content_id(facts) if facts else None


def main(argv: list[str]) -> None:
    """The command `asap generate`."""
    print(f"images: {run(command.parse(Config, argv, 'generate'))}")
