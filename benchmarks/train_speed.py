"""Time per pair of `asap train` against diffusers' own DPO script, on the same small SDXL, side by side.

    OMP_NUM_THREADS=1 python benchmarks/train_speed.py SCRIPT FOLDER

SCRIPT is `examples/research_projects/diffusion_dpo/train_diffusion_dpo_sdxl.py` of a checkout of diffusers.
It runs as it is, in a process of its own, with stand-ins for two modules that it imports: torchvision
(`peer_transforms.py`) and wandb (empty, not used). Both sides are real command lines on one thread; their
progress bars tell when a step is done, and the system what CPU time that process has taken by then.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import psutil
import torch
import tyro
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from asap.pairs import figures
from asap.pairs.exchange import exports
from operations import CLIP_G, CLIP_L, SDXL_UNET, SDXL_VAE, without_gradients

SIDE, RANK, BETA, RATE = 256, 16, 5000, 1e-4
WIDTH = 8  # every width is that of SDXL divided by it; the UNet's depths are SDXL's
PIXELS = 16  # an image has a sixteenth of SDXL's, a caption all its tokens: so the text encoders' depths
UNET = SDXL_UNET | {
    "sample_size": SIDE // 8, "block_out_channels": (40, 80, 160), "norm_num_groups": 8,
    "cross_attention_dim": 256, "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 160 + 6 * 32,
}  # fmt: skip
HEADS = {"attention_head_dim": (1, 1, 2)}  # heads of 80 channels where there is attention
VAE = SDXL_VAE | {"block_out_channels": (16, 32, 64, 64), "norm_num_groups": 4, "sample_size": SIDE}

# the libraries look for torchvision and do without it, before the stand-in can be found
LAUNCH = """
import runpy, sys
import accelerate, datasets, diffusers, transformers
transformers.utils.is_torchvision_available()
sys.path.insert(0, sys.argv.pop(1))
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@dataclass(frozen=True)
class Config:
    """Time both sides in turns."""

    script: tyro.conf.Positional[Path]
    """Diffusers' DPO script for SDXL."""
    out: tyro.conf.Positional[Path]
    """Folder for model, pairs, caches and runs."""
    pairs: int = 16
    """Pairs of pictures."""
    steps: int = 10
    """Steps of a run; the first two are not timed."""
    rounds: int = 3
    """Rounds, in each of which every side runs once."""
    draws: int = 2
    """Draws of each pair under --reference cached."""
    epochs: int = 10
    """Epochs over which the time of making the caches is spread."""
    heads: Literal["width", "count"] = "width"
    """What the heads of attention have of SDXL's: some 64 channels each, or their number, with eight each."""


class Marks(NamedTuple):
    """CPU and wall seconds since the process began, by finished step."""

    cpu: Mapping[int, float]
    wall: Mapping[int, float]

    def per_step(self) -> tuple[float, float]:
        """CPU and wall seconds a step, of the third to the last."""
        last = max(self.cpu)
        return (self.cpu[last] - self.cpu[2]) / (last - 2), (self.wall[last] - self.wall[2]) / (last - 2)


def run(config: Config) -> None:
    """Print the table of `benchmarks/train.md`."""
    torch.set_num_threads(1)
    model, pairs = small_sdxl(config), pictures(config)
    print_sizes(model)
    for number in range(config.rounds):
        record = config.out / f"round-{number}.json"
        if not record.exists():
            found = timed_round(config, model, pairs, config.out / f"round-{number}")
            record.write_text(json.dumps(found), encoding="utf-8")
    print_table(config, [json.loads(path.read_text()) for path in sorted(config.out.glob("round-*.json"))])


def small_sdxl(config: Config) -> Path:
    """SDXL with all widths an eighth and random weights, as a folder."""
    folder, heads = config.out / "model", HEADS if config.heads == "width" else {}
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    import tiny

    if not folder.exists():
        torch.manual_seed(0)
        whole = tiny.tiny_sdxl(folder.with_name("tiny"))
        StableDiffusionXLPipeline.from_pretrained(
            whole, unet=UNet2DConditionModel(**UNET | heads), vae=AutoencoderKL(**VAE),
            text_encoder=CLIPTextModel(narrow(CLIP_L)),
            text_encoder_2=CLIPTextModelWithProjection(narrow(CLIP_G)),
        ).save_pretrained(folder)  # fmt: skip
    return folder


def narrow(config: CLIPTextConfig) -> CLIPTextConfig:
    """A text encoder's configuration made smaller, with the tests' letters as its words."""
    widths = ("hidden_size", "intermediate_size", "projection_dim")
    smaller = {name: getattr(config, name) // WIDTH for name in widths}
    smaller["num_hidden_layers"] = round(config.num_hidden_layers / PIXELS)
    words = {"vocab_size": 100, "bos_token_id": 56, "eos_token_id": 57, "pad_token_id": 57}
    return CLIPTextConfig(**{**config.to_dict(), **smaller, **words})


def pictures(config: Config) -> Path:
    """A HAP dataset of drawn people, and beside it the same as the script reads it."""
    hap = figures.run(figures.Config(config.out / "hap", config.pairs, size=SIDE, kind="people"))
    exports.run(exports.Config(hap, "pick-a-pic", config.out / "pick"))
    return hap


def timed_round(config: Config, model: Path, pairs: Path, folder: Path) -> dict[str, list[float]]:
    """CPU and wall seconds a step of each side; and of the caches, a pair (`latents`) or a pair and draw."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ours = Ours(config, model, pairs, folder)
    cached = ("--reference", "cached", "--draws", str(config.draws))
    peer = watched(theirs(config, model, folder), "Steps:", folder)
    cold = ours.marks("cold", 1)
    live = ours.marks("live", config.steps)
    cold_reference = ours.marks("cold-cached", 1, *cached)
    known = ours.marks("cached", config.steps, *cached)
    split = ours.marks("split", config.steps, *cached, "--backward", "split")
    drawn = config.pairs * config.draws
    return {
        **{name: list(m.per_step()) for name, m in zip(SIDES, (peer, live, known, split))},
        "latents": [(a[1] - b[1]) / config.pairs for a, b in zip(cold, live)],
        "reference": [(a[1] - b[1]) / drawn for a, b in zip(cold_reference, known)],
    }


SIDES = ("script", "live", "cached", "split")


class Ours(NamedTuple):
    """`asap train` on one cache."""

    config: Config
    model: Path
    pairs: Path
    folder: Path

    def marks(self, name: str, steps: int, *more: str) -> Marks:
        """A run of `steps`."""
        command = [
            sys.executable, "-m", "asap", "train", "--model", str(self.model), "--data", str(self.pairs),
            "--out", str(self.folder / name), "--cache", str(self.folder / "cache"), "--objective", "dpo",
            "--beta", str(BETA), "--steps", str(steps), "--resolution", str(SIDE), "--batch-size", "1",
            "--rank", str(RANK), "--learning-rate", str(RATE), *more,
        ]  # fmt: skip
        return watched(command, "dpo", self.folder)


def theirs(config: Config, model: Path, folder: Path) -> list[str]:
    """The script's command line; makes the modules that stand in."""
    modules = folder / "modules"
    transforms = modules / "torchvision" / "transforms"
    transforms.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("peer_transforms.py"), transforms / "__init__.py")
    (transforms / "functional.py").write_text("from torchvision.transforms import crop as crop\n")
    (transforms.parent / "__init__.py").write_text("")
    (modules / "wandb.py").write_text("")
    return [
        sys.executable, "-c", LAUNCH, str(modules), str(config.script),
        "--pretrained_model_name_or_path", str(model), "--dataset_split_name", "train",
        "--dataset_name", str(config.out / "pick"), "--cache_dir", str(folder / "datasets"),
        "--output_dir", str(folder / "theirs"), "--resolution", str(SIDE), "--train_batch_size", "1",
        "--max_train_steps", str(config.steps), "--lr_scheduler", "constant", "--lr_warmup_steps", "0",
        "--learning_rate", str(RATE), "--beta_dpo", str(BETA), "--rank", str(RANK), "--seed", "0",
        "--no_hflip", "--mixed_precision", "no",
    ]  # fmt: skip


def watched(command: Sequence[str], bar: str, folder: Path) -> Marks:
    """Run `command` with a terminal for its progress bar, whose text begins with `bar`, and note the time at
    each step that it shows."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_MININTERVAL": "0", "HF_HUB_OFFLINE": "1"}
    environment.pop("TQDM_DISABLE", None)
    started, marks, shown = time.perf_counter(), Marks({}, {}), ""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=inner, env=environment)
    os.close(inner)
    clock, step = psutil.Process(process.pid), re.compile(rf"{bar}\D*?(?:\d+%\D*?)?(\d+)/\d+ \[")
    while text := read(terminal):
        times = clock.cpu_times()
        shown += text
        for found in step.findall(shown[-4000:]):
            marks.cpu.setdefault(int(found), times.user + times.system)
            marks.wall.setdefault(int(found), time.perf_counter() - started)
    os.close(terminal)
    (folder / f"{len(list(folder.glob('*.log')))}.log").write_text(shown)
    if process.wait():
        raise SystemExit(f"{' '.join(command)} failed:\n{shown[-2000:]}")
    return marks


def read(terminal: int) -> str:
    """What the terminal has next; nothing once the process is gone."""
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # Linux's way to say that the other end is closed
        return ""


def print_sizes(model: Path) -> None:
    """Parameters, and the shares of a pair's forward passes."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(model)
    latent, images = torch.zeros(1, 4, SIDE // 8, SIDE // 8), torch.zeros(2, 3, SIDE, SIDE)
    added = {"text_embeds": torch.zeros(1, 160), "time_ids": torch.zeros(1, 6)}
    tokens, states = torch.zeros(1, 77, dtype=torch.long), torch.zeros(1, 77, 256)
    counts = {
        "UNet on both": 2 * without_gradients(
            lambda: pipeline.unet(latent, torch.ones(1), states, added_cond_kwargs=added)
        ),
        "VAE on both": without_gradients(lambda: pipeline.vae.encode(images)),
        "text encoders": without_gradients(
            lambda: (pipeline.text_encoder(tokens), pipeline.text_encoder_2(tokens))
        ),
    }  # fmt: skip
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        print(
            f"{part}: {sum(p.numel() for p in getattr(pipeline, part).parameters()) / 1e6:.2f} M parameters"
        )
    for name, count in counts.items():
        print(f"{name}: {1e3 * count:.2f} GFLOP, {count / counts['UNet on both']:.3f} of the UNet's")


def print_table(config: Config, rounds: Sequence[Mapping[str, Sequence[float]]]) -> None:
    """Medians and ranges over rounds, and the script's time over ours within a round."""
    for unit, kind in ((0, "CPU"), (1, "wall")):
        print(f"\n| {kind} seconds a pair and step | median | range | script / this |\n|---|---:|---:|---:|")
        peer = [one["script"][unit] for one in rounds]
        for name, values in {**plain(rounds, unit), **with_caches(config, rounds, unit)}.items():
            ratios = [a / b for a, b in zip(peer, values)]
            ratio = "" if name in ("latents", "reference") else f"{statistics.median(ratios):.2f}"
            spread = f"{min(values):.3f} to {max(values):.3f}"
            print(f"| {name} | {statistics.median(values):.3f} | {spread} | {ratio} |")


def plain(rounds: Sequence[Mapping[str, Sequence[float]]], unit: int) -> dict[str, list[float]]:
    """What was measured."""
    return {name: [one[name][unit] for one in rounds] for name in rounds[0]}


def with_caches(
    config: Config, rounds: Sequence[Mapping[str, Sequence[float]]], unit: int
) -> dict[str, list[float]]:
    """Ours with the time of the caches spread over the epochs."""
    found = {}
    for name in SIDES[1:]:
        draws = 0 if name == "live" else config.draws
        found[f"{name}, caches over {config.epochs} epochs"] = [
            one[name][unit] + (one["latents"][unit] + draws * one["reference"][unit]) / config.epochs
            for one in rounds
        ]
    return found


if __name__ == "__main__":
    run(tyro.cli(Config))
