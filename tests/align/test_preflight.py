"""What cannot work is told in one line, before anything is computed; a disk that fills harms nothing."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from asap import store
from asap.align import checkpoint, latents, loop, room, train
from asap.align.cut import Cut
from asap.backbones import latent, lora
from asap.backbones.load import load, parts_id
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from families import FAMILIES
from tiny import write_pairs

Usage = namedtuple("Usage", "total used free")


def config(model: Path, data: Path, out: Path, **changes: Any) -> train.Config:
    settings = train.Config(
        model=str(model), data=str(data), out=out, steps=4, resolution=32, rank=4, checkpoint_every=2,
        tracker="none", overlays=0,
    )  # fmt: skip
    return replace(settings, **changes)


@pytest.fixture
def no_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any part of a model that is loaded fails the test."""

    def load(*_: Any, **__: Any) -> Any:
        raise AssertionError("a part was loaded")

    monkeypatch.setattr("asap.backbones.parts.Pretrained.part", load)
    monkeypatch.setattr("asap.backbones.parts.Pretrained.pipeline", load)


def room_for(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free + room.SPARE))


@pytest.mark.parametrize("family", [*FAMILIES, "mini-hand"])
def test_layers_are_those_of_the_network_and_all_targets_are_among_them(
    family: str, tiny_family: Callable[[str], Path]
) -> None:
    backbone = load(family if family == "mini-hand" else str(tiny_family(family)))
    room.check_targets(backbone, backbone.layers())
    linear = {n: m for n, m in backbone.denoiser.named_modules() if isinstance(m, torch.nn.Linear)}
    assert backbone.layers() == {n: m.in_features + m.out_features for n, m in linear.items()}
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=0)
    count = sum(p.numel() for p in backbone.denoiser.parameters() if p.requires_grad)
    assert room.of_checkpoints(backbone, backbone.layers(), 4, averaged=False) == count * 4 * (3 * 3 + 1)


def test_a_checkpoint_is_as_large_as_was_estimated(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = train.run(config(flux, pairs, tmp_path / "run", ema=0.9))
    backbone = load(str(flux))
    estimate = room.of_checkpoints(backbone, backbone.layers(), 4, averaged=True)
    size = (out / loop.CHECKPOINT).stat().st_size
    assert size * 3 < estimate * 1.5 and estimate < size * 4
    cache = sum(file.stat().st_size for file in (out / "latents").glob("pairs-*"))
    assert cache == pytest.approx(room.of_latents(load(str(flux)), 6, Cut(32, 1)), rel=0.3)


def test_pairs_without_masks_are_for_objectives_that_know_no_region(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "plain"
    data.mkdir()
    table = pyarrow.parquet.read_table(next(pairs.rglob("*.parquet")))
    pyarrow.parquet.write_table(table.drop_columns(["mask"]), data / "train.parquet")
    with pytest.raises(UserError, match="has no column `mask`; add one, or take --objective bounded or dpo"):
        train.run(config(flux, data, tmp_path / "run"))
    out = train.run(config(flux, data, tmp_path / "run", objective="sft", steps=1, overlays=2))
    assert (out / loop.LOG).exists() and not (out / "overlays.html").exists()
    with pytest.raises(UserError, match="has no column `mask`"):
        train.run(config(flux, data, tmp_path / "other", cache=out / "latents"))


@pytest.mark.usefixtures("no_compute")
@pytest.mark.parametrize(("free", "told"), [(1000, "its checkpoints"), (200_000, "the latents of its pairs")])
def test_a_disk_that_is_too_small_is_told_before_any_work(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, told: str
) -> None:
    room_for(monkeypatch, free)
    large = {"resolution": 256} if "latents" in told else {}
    with pytest.raises(UserError, match=rf"{told} will take about .* are free"):
        train.run(config(flux, pairs, tmp_path / "run", rank=1, **large))
    assert not (tmp_path / "run").exists()


def test_captions_that_will_not_fit_are_told_after_the_first(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = room.of_caption(load(str(flux)).condition(["a photo of person a"]))
    cut = Cut(32, 1)
    monkeypatch.setattr(room, "of_latents", lambda *_: 0)
    room_for(monkeypatch, 3 * one - 1)
    with pytest.raises(UserError, match="its captions will take about"):
        latents.prepare(load(str(flux)), str(pairs), tmp_path / "cache", cut)
    room_for(monkeypatch, 3 * one)
    latents.prepare(load(str(flux)), str(pairs), tmp_path / "cache", cut)


@pytest.mark.parametrize("fails", [loop.CHECKPOINT, loop.LOG, WEIGHTS])
def test_a_disk_that_fills_leaves_the_last_checkpoint_and_the_run_goes_on_from_there(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    whole = train.run(config(flux, pairs, tmp_path / "whole"))
    settings = config(flux, pairs, tmp_path / "run")
    train.run(replace(settings, steps=2))
    (settings.out / WEIGHTS).unlink()
    real = os.fsync

    def full(handle: int) -> None:
        if fails in str(Path(f"/proc/self/fd/{handle}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match=rf"the disk is full, so .*{fails} could not be written; free"):
            train.run(settings)
    assert checkpoint.step_of(settings.out / loop.CHECKPOINT) == (4 if fails == WEIGHTS else 2)
    assert not (settings.out / WEIGHTS).exists()
    train.run(settings)
    for name in (loop.CHECKPOINT, loop.LOG, WEIGHTS):
        assert (whole / name).read_bytes() == (settings.out / name).read_bytes()


def test_a_disk_that_fills_while_safetensors_writes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the disk is full"), lora.published(tmp_path):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    with pytest.raises(SafetensorError), lora.published(tmp_path):
        raise SafetensorError("something else")


def test_other_errors_of_the_system_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), store.full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def spoiled(folder: Path, spoil: Callable[[int, Any], Any]) -> Path:
    """`write_pairs` with each row's mask put through `spoil`."""
    write_pairs(folder)
    file = next((folder / "data").glob("*.parquet"))
    rows = datasets.Dataset.from_parquet(str(file), cache_dir=str(folder.parent / "cache"))
    masks = rows.cast_column("mask", datasets.Image(decode=False))["mask"]
    changed = [spoil(i, mask) for i, mask in enumerate(masks)]
    column = datasets.Dataset.from_dict({"mask": changed}, features=datasets.Features(mask=datasets.Image()))
    datasets.concatenate_datasets([rows.remove_columns("mask"), column], axis=1).to_parquet(str(file))
    return folder


def empty(side: int = 40) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.mark.usefixtures("no_compute")
@pytest.mark.parametrize("bad", [None, empty(), {"bytes": b"no picture", "path": None}])
def test_masks_that_mark_nothing_are_all_found_first(flux: Path, tmp_path: Path, bad: Any) -> None:
    data = spoiled(tmp_path / "data", lambda i, mask: bad if i in (1, 4) else mask)
    with pytest.raises(UserError, match=rf"2 pairs .* missing or empty.*{1:016x}, {4:016x}\); drop"):
        train.run(config(flux, data, tmp_path / "run"))


@pytest.mark.usefixtures("no_compute")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"objective": "asp"}, "--objective asp: no such choice; did you mean asap?"),
        ({"sampling": "x"}, "--sampling x: no such choice; known: uniform, lagging"),
        ({"on_trouble": "halt"}, "--on-trouble halt: no such choice; known: lower, stop, warn"),
    ],
)
def test_a_typo_is_told(flux: Path, pairs: Path, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as error:
        train.run(config(flux, pairs, tmp_path / "run", **change))
    assert told in str(error.value)


@pytest.mark.usefixtures("no_compute")
def test_targets_that_the_model_lacks(
    sdxl: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asap.backbones.sdxl.SDXL.lora_targets", ("to_q", "to_qq"))
    with pytest.raises(UserError, match=r"has no layers to_qq, .*its linear layers end in .*to_k"):
        train.run(config(sdxl, pairs, tmp_path / "run"))


def test_other_text_encoders_than_the_cache_was_made_with(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shutil.copytree(flux, tmp_path / "model")
    settings = config(model, pairs, tmp_path / "run", cache=tmp_path / "cache")
    train.run(settings)
    file = model / "text_encoder_2" / "model.safetensors"
    tensors = load_file(file)
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, file, {"format": "pt"})
    monkeypatch.setattr(latent.Latent, "condition", None, raising=False)
    with pytest.raises(UserError, match=r"cache was made .*with other parts\.text_encoder_2"):
        train.run(replace(settings, out=tmp_path / "other"))


def test_a_tokenizer_counts_as_well(flux: Path, tmp_path: Path) -> None:
    model = shutil.copytree(flux, tmp_path / "model")
    before = parts_id(load(str(model)))
    assert {"text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "vae"} == set(before)
    file = model / "tokenizer_2" / "tokenizer_config.json"
    file.write_text(file.read_text().replace("{", '{"x": 1,', 1))
    after = parts_id(load(str(model)))
    assert [name for name in before if before[name] != after[name]] == ["tokenizer_2"]
