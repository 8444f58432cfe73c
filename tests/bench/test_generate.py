"""The generate stage on real, tiny pipelines: files, resuming, the same noise for every model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file

import processes
from asap.backbones import lora
from asap.backbones.load import load
from asap.backbones.parts import dtype_for
from asap.bench import drawing, generate, samples
from asap.errors import UserError
from asap.records import Image, Prompt
from asap.store import open_run, read_config, seed_of


class Painter:
    """A stand-in for a model whose images are noise by seed; it records what it was asked and may die."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.asked: list[list[int]] = []
        self.dies_at = dies_at

    def generate(self, prompts: Sequence[str], seeds: Sequence[int], **_: object) -> list[Image]:
        if len(self.asked) == self.dies_at:
            raise KeyboardInterrupt
        self.asked.append(list(seeds))
        return [np.random.default_rng(s).integers(0, 256, (8, 8, 3), dtype=np.uint8) for s in seeds]


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    rows = [
        {"id": "fist", "text": "a fist", "category": "basic", "facts": {"fingers": 0}},
        {"id": "wave", "text": "a waving hand", "category": "gesture", "facts": {"fingers": 5}},
        {"id": "two", "text": "two fingers", "category": "gesture", "facts": {"fingers": 2}},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def config(tmp_path: Path, prompts: Path, flux: Path) -> generate.Config:
    return generate.Config(prompts, tmp_path / "out", str(flux), seeds=2, steps=1, size=16, batch=4)


def contents(folder: Path) -> dict[str, bytes]:
    files = [*sorted((folder / "images").iterdir()), folder / "metadata.jsonl"]
    return {file.name: file.read_bytes() for file in files}


def test_images_and_metadata_are_an_image_folder(config: generate.Config) -> None:
    out = generate.run(config)
    listed = samples.read(out)
    assert [s.id for s in listed] == ["fist-0", "wave-0", "two-0", "fist-1", "wave-1", "two-1"]
    data = datasets.load_dataset("imagefolder", data_dir=str(out), split="train")
    assert data.num_rows == 6 and data[0]["image"].size == (16, 16)
    rows = {row["id"]: row for row in data}
    assert rows["wave-1"]["text"] == "a waving hand" and rows["wave-1"]["facts"]["fingers"] == 5
    assert rows["two-0"]["category"] == "gesture" and rows["two-0"]["seed"] == listed[2].seed


def test_an_image_is_what_the_model_draws_alone(config: generate.Config, flux: Path) -> None:
    out = generate.run(config)
    sample = samples.read(out)[3]
    alone = load(str(flux)).generate([sample.text], [sample.seed], steps=1, size=16)[0]
    stored = np.asarray(Pillow.open(out / sample.file_name))
    assert np.abs(stored.astype(int) - alone).max() <= 1


def test_seeds_depend_on_prompt_and_place_not_on_the_model_or_the_other_prompts() -> None:
    a, b = Prompt("a", "a fist"), Prompt("b", "a palm")
    both, one = generate.plan([a, b], 2, 0), generate.plan([b], 1, 0)
    assert both[1].seed == one[0].seed == seed_of("noise", 0, "b", 0) % 2**32
    assert len({s.seed for s in both}) == 4
    assert generate.plan([b], 1, 1)[0].seed != one[0].seed


@pytest.mark.parametrize("killed_at", [0, 1, 2])
def test_an_interruption_changes_nothing(tmp_path: Path, killed_at: int) -> None:
    plan = generate.plan([Prompt(c, c) for c in "abcde"], 2, 0)
    drawing.draw(Painter(), plan, tmp_path / "whole", batch=4)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        drawing.draw(Painter(killed_at), plan, tmp_path / "cut", batch=4)  # type: ignore[arg-type]
    again = Painter()
    drawing.draw(again, plan, tmp_path / "cut", batch=4)  # type: ignore[arg-type]
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert len(again.asked) == 3 - killed_at


def test_only_what_is_missing_is_written_and_its_batch_is_the_same(tmp_path: Path) -> None:
    plan = generate.plan([Prompt(c, c) for c in "abcd"], 2, 0)
    drawing.draw(Painter(), plan, tmp_path, batch=4)  # type: ignore[arg-type]
    whole = contents(tmp_path)
    untouched = (tmp_path / plan[4].file_name).stat().st_mtime_ns
    (tmp_path / plan[5].file_name).unlink()  # an image lost
    lines = (tmp_path / "metadata.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "metadata.jsonl").write_bytes(b"".join(lines[:6]) + lines[6][:9])  # a row cut in the middle
    again = Painter()
    drawing.draw(again, plan, tmp_path, batch=4)  # type: ignore[arg-type]
    assert contents(tmp_path) == whole
    assert again.asked == [[s.seed for s in plan[4:]]]
    assert (tmp_path / plan[4].file_name).stat().st_mtime_ns == untouched


def test_kill_minus_nine_then_the_same_command(config: generate.Config, tmp_path: Path) -> None:
    """Killed when an image is written and its row is not."""
    words = ["--prompts", config.prompts, "--model", config.model, "--seeds", 2, "--steps", 1, "--size", 16]
    words += ["--batch", 1, "--out", tmp_path / "cut"]
    processes.killed("asap.bench.drawing.append_rows", 4, "generate", *words)
    metadata = tmp_path / "cut" / "metadata.jsonl"
    assert metadata.read_bytes().count(b"\n") == 3 and len(list((tmp_path / "cut" / "images").iterdir())) == 4
    assert processes.asap("generate", *words).returncode == 0
    whole = replace(config, batch=1)
    generate.run(replace(whole, out=tmp_path / "whole"))
    images = [p for p in (tmp_path / "cut" / "images").iterdir() if p.suffix == ".png"]
    assert len(images) == 6
    assert metadata.read_bytes() == (tmp_path / "whole" / "metadata.jsonl").read_bytes()
    for image in images:
        assert image.read_bytes() == (tmp_path / "whole" / "images" / image.name).read_bytes()


@pytest.fixture(scope="module")
def trained(flux: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA that does something."""
    run, backbone = tmp_path_factory.mktemp("run"), load(str(flux))
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=2, alpha=4, seed=0)
    backbone.save_lora(run)
    from safetensors import safe_open

    with safe_open(run / lora.WEIGHTS, "pt") as file:
        metadata = file.metadata()
    weights = {name: tensor + 0.3 for name, tensor in load_file(run / lora.WEIGHTS).items()}
    save_file(weights, run / lora.WEIGHTS, metadata)
    return run


def test_a_lora_changes_the_images_as_a_folder_or_as_a_file(
    config: generate.Config, trained: Path, tmp_path: Path
) -> None:
    renamed = tmp_path / "mine.safetensors"
    renamed.write_bytes((trained / lora.WEIGHTS).read_bytes())
    plain = generate.run(config)
    folder = generate.run(replace(config, out=tmp_path / "folder", lora=trained))
    file = generate.run(replace(config, out=tmp_path / "file", lora=renamed))
    assert contents(folder)["fist-0.png"] != contents(plain)["fist-0.png"]
    assert contents(folder) == contents(file)
    assert contents(folder)["metadata.jsonl"] == contents(plain)["metadata.jsonl"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lora": Path("/nowhere")}, "/nowhere: no such LoRA"),
        ({"lora": Path(__file__).parent}, "no pytorch_lora_weights.safetensors there"),
        ({"lora": Path(__file__)}, "no pytorch_lora_weights.safetensors there"),
        ({"seeds": 0}, "--seeds is 0"),
        ({"batch": 0}, "--batch is 0"),
        ({"steps": 0}, "--steps is 0"),
        ({"size": -8}, "--size is -8"),
        ({"size": 30}, r"--size is 30; flux draws multiples of \d+, such as"),
        ({"guidance": float("nan")}, "--guidance is nan"),
        ({"device": "gpu"}, "--device gpu: there is no such device here, only .*cpu"),
        ({"device": "cuda:99"}, "--device cuda:99: there is no such device"),
        ({"prompts": Path("/nowhere.jsonl")}, "cannot read the prompts"),
        ({"model": "/nowhere"}, "/nowhere"),
    ],
)
def test_mistakes_are_told(config: generate.Config, change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        generate.run(replace(config, **change))  # type: ignore[arg-type]
    assert not (config.out / "config.json").exists()


def test_what_cannot_be_drawn_leaves_the_folder_free(config: generate.Config, trained: Path) -> None:
    for change in ({"model": "mini-hand"}, {"model": "mini-hand", "size": None, "lora": trained}):
        with pytest.raises(UserError, match=r"does not know 'fist'|does not fit|holds no weights"):
            generate.run(replace(config, **change))  # type: ignore[arg-type]
    generate.run(config)


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for what auto is without a GPU")
def test_device_and_dtype_are_found(config: generate.Config) -> None:
    generate.run(config)
    assert read_config(config.out)["identity"]["backbone"]["dtype"] == "torch.float32"
    generate.run(replace(config, device="cpu", dtype="float32"))  # the same settings
    assert dtype_for("auto", "cuda:1") == "bfloat16" and dtype_for("float16", "cpu") == "float16"


def test_help_does_without_torch() -> None:
    code = (
        "import sys\nfrom asap.cli import main\ntry: main(['generate', '--help'])\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n") and "--prompts" in done.stdout


def test_more_seeds_add_images(config: generate.Config, tmp_path: Path) -> None:
    generate.run(config)
    first = contents(config.out)
    generate.run(replace(config, seeds=4))
    generate.run(config)  # fewer are there already
    whole = generate.run(replace(config, seeds=4, out=tmp_path / "whole"))
    assert contents(config.out) == contents(whole)
    assert all(contents(whole)[name] == data for name, data in first.items() if name.endswith(".png"))
    assert "--seeds 4" in read_config(config.out)["command"]


def test_other_weights_under_the_same_name_need_another_folder(
    config: generate.Config, flux: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(flux, tmp_path / "model")
    generate.run(replace(config, model=str(model)))
    file = next((model / "transformer").glob("*.safetensors"))
    save_file({name: tensor * 2 for name, tensor in load_file(file).items()}, file, {"format": "pt"})
    with pytest.raises(UserError, match="with other weights"):
        generate.run(replace(config, model=str(model)))


def test_other_settings_need_another_folder(config: generate.Config) -> None:
    generate.run(config)
    for change in ({"steps": 2}, {"seed": 1}, {"size": 32}):
        with pytest.raises(UserError, match=f"{next(iter(change))} was"):
            generate.run(replace(config, **change))
    generate.run(replace(config, batch=1))  # how many at once is no such setting


def test_images_record_how_their_prompts_and_lora_were_made(tmp_path: Path) -> None:
    for name, command in (("data", "asap figures"), ("run", "asap train")):
        open_run(tmp_path / name, name, {}, {"command": command, "before": [f"before {command}"]})
    (tmp_path / "data" / "prompts.txt").write_text("a hand\n")
    for weights in (tmp_path / "run", tmp_path / "run" / "pytorch_lora_weights.safetensors"):
        config = generate.Config(tmp_path / "data" / "prompts.txt", tmp_path / "out", lora=weights)
        made = ["before asap figures", "asap figures", "before asap train", "asap train"]
        assert drawing._made_before(config) == made
