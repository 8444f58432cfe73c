"""What a step of `asap train` calls and how long it takes on mini.

    OMP_NUM_THREADS=1 TQDM_DISABLE=1 python benchmarks/train.py

One process, one thread; seconds are CPU seconds, so other work on the machine matters little.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from accelerate import Accelerator
from diffusers import FluxTransformer2DModel, UNet2DConditionModel
from diffusers.models.autoencoders.vae import Encoder
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from transformers import CLIPTextModel, T5EncoderModel

from asap.align import latents, loop, sampling, train
from asap.align.care import Care
from asap.align.cut import Cut
from asap.align.recipes import RECIPES
from asap.backbones import load
from asap.backbones.mini import CaptionEmbedding
from asap.pairs import figures

OBJECTIVES = ("sft", "dpo", "asap")

# a CLIPTextModelWithProjection holds a CLIPTextModel, so it is counted too
ROLES: dict[str, tuple[type[nn.Module], ...]] = {
    "VAE encoder": (Encoder,),
    "text encoders": (CLIPTextModel, T5EncoderModel, CaptionEmbedding),
    "denoiser": (FluxTransformer2DModel, UNet2DConditionModel),
}


@dataclass(frozen=True)
class Config:
    """Count the networks that training calls, and time it on mini."""

    pairs: int = 512
    """Pairs of figures for the timing."""
    steps: int = 20
    """Steps of one timed run."""
    runs: int = 7
    """Timed runs of each objective, taken in turns; the median is reported, and the range."""


def run(config: Config) -> None:
    """Print the tables of `benchmarks/train.md`."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print_calls(Path(folder))
        pairs = figures.run(figures.Config(Path(folder) / "pairs", config.pairs, look=1.0, biased=True))
        print_cache(config, pairs, Path(folder))
        print_speed(config, pairs, Path(folder))


def print_calls(folder: Path) -> None:
    """Calls of VAE, text encoders and denoiser while the cache is made, and in ten steps from the cache."""
    print(f"| model | part of the run | {' | '.join(ROLES)} |\n|---|---|{'---:|' * len(ROLES)}")
    for model, pairs, side in small_models(folder):
        out = folder / f"run-{Path(model).name}"
        settings = train.Config(model, str(pairs), out, resolution=side, batch_size=1, tracker="none")
        for part, steps in (("cache of 6 pairs, first step", 1), ("10 more steps", 11)):
            with called() as calls:
                train.run(replace(settings, steps=steps))
            cells = " | ".join(str(calls[role]) for role in ROLES)
            print(f"| {Path(model).name} | {part} | {cells} |", flush=True)


def small_models(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """mini and the tests' tiny pipelines, each with a dataset of 6 pairs and the pixels a side."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    import tiny

    yield "mini-hand", figures.run(figures.Config(folder / "figures", 6)), 24
    noise = tiny.write_pairs(folder / "noise")
    yield str(tiny.tiny_flux(folder / "tiny FLUX")), noise, 32
    yield str(tiny.tiny_sdxl(folder / "tiny SDXL")), noise, 32


@contextmanager
def called() -> Iterator[Counter[str]]:
    """Counts, by role, the forward passes of whole networks inside the block."""
    counts: Counter[str] = Counter()

    def count(module: nn.Module, *_: object) -> None:
        counts.update(role for role, classes in ROLES.items() if isinstance(module, classes))

    hook = register_module_forward_hook(count)
    try:
        yield counts
    finally:
        hook.remove()


def print_cache(config: Config, pairs: Path, folder: Path) -> None:
    """Time to make the cache of latents and captions on mini."""
    backbone = load.load("mini-hand")

    def make(number: int) -> None:
        latents.prepare(backbone, str(pairs), folder / f"cache{number}", Cut(24, 0))

    make(-1)
    seconds = [cpu_seconds(lambda n=n: make(n)) / config.pairs * 1e3 for n in range(config.runs)]
    print(f"\n| | ms | range |\n|---|---:|---:|\n| cache, a pair | {middle(seconds)} |")


def print_speed(config: Config, pairs: Path, folder: Path) -> None:
    """Time of one step on mini by objective."""
    loops = {name: stepper(name, config.steps, pairs, folder) for name in OBJECTIVES}
    seconds: dict[str, list[float]] = {name: [] for name in OBJECTIVES}
    for _ in range(config.runs + 1):
        for name, run_steps in loops.items():
            seconds[name].append(cpu_seconds(run_steps) / config.steps * 1e3)
    print("\n| objective | ms a step (16 pairs) | range | to sft |\n|---|---:|---:|---:|")
    for name, values in seconds.items():
        ratios = [value / sft for value, sft in zip(values[1:], seconds["sft"][1:], strict=True)]
        print(f"| {name} | {middle(values[1:])} | {statistics.median(ratios):.2f} |")


def stepper(objective: str, steps: int, pairs: Path, folder: Path) -> Callable[[], object]:
    """A call that is the training loop over `steps` steps, with its log and one checkpoint."""
    backbone, out = load.load("mini-hand"), folder / f"speed-{objective}"
    config = train.Config("mini-hand", str(pairs), out, objective, steps=steps, tracker="none")  # type: ignore[arg-type]
    config = train.complete(config, backbone.name, backbone.native_size)
    data = latents.prepare(backbone, str(pairs), folder / "cache-1", Cut(24, 0))
    work = loop.work_of(config, backbone, data, None, Accelerator(cpu=True))
    sampler = sampling.Uniform(len(data), 0, RECIPES["mini"].batch_size)
    return lambda: loop.loop(work, sampler, Care(work, sampler.state()), 0)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process, all threads together."""
    started = time.process_time()
    work()
    return time.process_time() - started


def middle(values: list[float]) -> str:
    """Median and range, as two cells of a table."""
    return f"{statistics.median(values):.2f} | {min(values):.2f} to {max(values):.2f}"


if __name__ == "__main__":
    run(tyro.cli(Config))
