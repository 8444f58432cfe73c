"""`asap pretrain`: it learns, and a resumed run equals an uninterrupted one."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import load_dataset
from safetensors.torch import load_file

from asap.align import dataset, pretrain, pretrain_data, pretrain_loop
from asap.backbones.load import load
from asap.errors import UserError
from asap.figures import scenes
from asap.pairs import figures


def test_the_loss_falls_and_the_model_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain_loop, "EVERY", 20)
    out = pretrain.run(pretrain.Config(tmp_path / "mini", steps=60, images=64, batch_size=4))
    curve = json.loads((out / "pretrain.json").read_text())["curve"]
    assert [row["step"] for row in curve] == [19, 39, 59]
    assert curve[-1]["loss"] < 0.8 * curve[0]["loss"]
    assert len(load(str(out)).generate([scenes.scene(0).caption], [0])) == 1


def test_resumed_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain_loop, "EVERY", 5)
    config = pretrain.Config(tmp_path / "whole", steps=9, images=32, batch_size=2)
    whole = pretrain.run(config)
    parts = replace(config, out=tmp_path / "parts")
    calls = 0
    real = pretrain_loop.flow_loss

    def die_at_8(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pretrain_loop, "flow_loss", die_at_8)
    with pytest.raises(KeyboardInterrupt):
        pretrain.run(parts)
    monkeypatch.setattr(pretrain_loop, "flow_loss", real)
    pretrain.run(parts)
    name = "transformer/diffusion_pytorch_model.safetensors"
    a, b = load_file(whole / name), load_file(parts.out / name)
    assert all(a[key].equal(b[key]) for key in a)


def test_numbers_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 1"):
        pretrain.run(pretrain.Config(tmp_path, steps=0))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "hap"
    return figures.run(figures.Config(folder, kind="mini-people", pairs=14))


def people_config(out: Path, data: Path, **change: object) -> pretrain.Config:
    settings = {"kind": "people", "data": data, "steps": 3, "batch_size": 4} | change
    return pretrain.Config(out, **settings)  # type: ignore[arg-type]


def test_a_model_of_people_comes_from_a_folder_of_pairs(people: Path, tmp_path: Path) -> None:
    out = pretrain.run(people_config(tmp_path / "mini", people, half=True))
    record = json.loads((out / "pretrain.json").read_text())
    assert record["settings"]["data"] == dataset.identity(str(people))
    assert record["drawn"]["kind"] == "mini-people" and record["drawn"]["seed"] == 0
    weights = load_file(out / "transformer" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    assert sum(tensor.nbytes for tensor in weights.values()) < 10 << 20
    prompt = load_dataset(str(people), split="train")[0]["prompt"]
    assert load(str(out)).generate([prompt], [0])[0].shape == (64, 64, 3)


def test_other_data_is_another_run(people: Path, tmp_path: Path) -> None:
    other = figures.run(figures.Config(tmp_path / "hap", kind="mini-people", pairs=14, seed=1))
    pretrain.run(people_config(tmp_path / "mini", people, steps=1))
    with pytest.raises(UserError, match="data"):
        pretrain.run(people_config(tmp_path / "mini", other, steps=1))


def test_a_batch_shows_both_pictures_of_a_pair_and_their_mirror_images(people: Path) -> None:
    data = pretrain_data.read(people, 64)
    row = load_dataset(str(people), split="train")[3]
    assert data.captions[3] == row["prompt"]
    chosen, rejected = (
        np.asarray(row[name]).astype(np.float32) / 127.5 - 1 for name in ("chosen", "rejected")
    )
    alone = replace(data, captions=data.captions[3:4], pictures=data.pictures[3:4])
    _, z, _, _ = alone.batch(64, 0.5, torch.Generator().manual_seed(0))
    shown = {name: [torch.tensor(view.copy()).permute(2, 0, 1) for view in (picture, picture[:, ::-1])]
             for name, picture in (("chosen", chosen), ("rejected", rejected))}  # fmt: skip
    counts = {
        name: [sum(bool(image.equal(view)) for image in z) for view in views] for name, views in shown.items()
    }
    assert sum(map(sum, counts.values())) == 64
    assert all(count > 6 for pair in counts.values() for count in pair)
    _, z, _, _ = alone.batch(16, 0.0, torch.Generator().manual_seed(0))
    assert all(any(image.equal(view) for view in shown["chosen"]) for image in z)


def test_the_step_size_stays_and_then_falls_to_zero() -> None:
    config = pretrain.Config(Path("x"), steps=100, decay=0.4)
    left = [min(1, pretrain_loop._left(config, step)) for step in range(101)]
    assert left[:61] == [1] * 61 and left[80] == pytest.approx(0.5) and left[100] == 0
    assert all(a >= b for a, b in pairwise(left))


def test_a_shift_moves_times_towards_noise(people: Path) -> None:
    data = pretrain_data.read(people, 64)
    config = people_config(Path("x"), people, batch_size=64)
    plain, shifted = (pretrain_loop._batch(replace(config, shift=s), data, 0)[3] for s in (1.0, 2.0))
    torch.testing.assert_close(shifted / (1 - shifted), 2 * plain / (1 - plain))
    assert (shifted > plain).all() and shifted.max() < 1


def test_data_that_cannot_be(people: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--kind people needs --data"):
        pretrain.run(pretrain.Config(tmp_path / "a", kind="people"))
    with pytest.raises(UserError, match=r"pictures of 64 x 64 pixels; .* `asap figures --size 24`"):
        pretrain.run(people_config(tmp_path / "b", people, kind="hands"))
    with pytest.raises(UserError, match="no folder"):
        pretrain.run(people_config(tmp_path / "c", tmp_path / "nowhere"))
    with pytest.raises(UserError, match="--decay"):
        pretrain.run(people_config(tmp_path / "d", people, decay=0.0))
