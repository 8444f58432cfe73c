"""`asap pretrain`: it learns, and a resumed run equals an uninterrupted one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from asap.align import pretrain
from asap.backbones.load import load
from asap.errors import UserError
from asap.figures import scenes


def test_the_loss_falls_and_the_model_loads(tmp_path: Path) -> None:
    out = pretrain.run(pretrain.Config(tmp_path / "mini", steps=200, images=64, batch_size=8))
    curve = json.loads((out / "pretrain.json").read_text())["curve"]
    assert curve[-1]["loss"] < 0.8 * curve[0]["loss"]
    assert len(load(str(out)).generate([scenes.scene(0).caption], [0])) == 1


def test_resumed_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = pretrain.Config(tmp_path / "whole", steps=120, images=32, batch_size=2)
    whole = pretrain.run(config)
    parts = replace(config, out=tmp_path / "parts")
    calls = 0
    real = pretrain.flow_loss

    def die_at_110(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 110:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pretrain, "flow_loss", die_at_110)
    with pytest.raises(KeyboardInterrupt):
        pretrain.run(parts)
    monkeypatch.setattr(pretrain, "flow_loss", real)
    pretrain.run(parts)
    name = "transformer/diffusion_pytorch_model.safetensors"
    a, b = load_file(whole / name), load_file(parts.out / name)
    assert all(a[key].equal(b[key]) for key in a)


def test_numbers_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 1"):
        pretrain.run(pretrain.Config(tmp_path, steps=0))
