"""What users may give as weights, and what they are told of the rest."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_rewards
from asap.bench.rewards import hpsv3, weights
from asap.bench.rewards.aesthetic import Aesthetic
from asap.bench.rewards.hpsv2 import HPSv2
from asap.bench.rewards.pickscore import PickScore
from asap.bench.rewards.reward import Setup
from asap.errors import UserError


def test_a_pickle_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    state = {"state_dict": {"a.b": torch.arange(3.0)}, "epoch": 3}
    torch.save(state, tmp_path / "hps.pt")
    for given in (tmp_path / "hps.pt", tmp_path):
        with pytest.raises(
            UserError, match=r"only \.safetensors files are read; convert this one by python -c"
        ):
            weights.read(str(given))
    words = shlex.split(weights.conversion(tmp_path / "hps.pt"))
    subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True)
    assert load_file(tmp_path / "hps.safetensors")["a.b"].tolist() == [0, 1, 2]
    assert weights.read(str(tmp_path)).state["a.b"].tolist() == [0, 1, 2]


def test_mistakes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    empty, two, bad = (tmp_path / name for name in ("empty", "two", "bad.safetensors"))
    empty.mkdir(), two.mkdir()
    for name in ("a", "b"):
        save_file({"x": torch.zeros(1)}, two / f"{name}.safetensors")
    bad.write_bytes(b"no weights")
    cases = {
        str(empty): "holds no .safetensors file",
        str(two): "holds 2 .safetensors files; give the path of one",
        str(bad): "no weights that can be read",
        str(tmp_path / "none.safetensors"): "no such file; check the path",
        "owner/none-such": "no folder owner/none-such",
        str(two / "a.safetensors"): "not the weights of PickScore",
    }
    for given, told in cases.items():
        with pytest.raises(UserError, match=told):
            PickScore(Setup(given))
    for made, told in ((HPSv2, "hpsv2` needs --model"), (Aesthetic, "aesthetic` needs --model")):
        with pytest.raises(UserError, match=told):
            made(Setup())


def test_weights_of_another_shape_are_told(tmp_path: Path) -> None:
    state = tiny_rewards.open_clip(tmp_path)
    path = tmp_path / "hps.safetensors"
    save_file(state | {"visual.proj": torch.zeros(12, 9)}, path)
    with pytest.raises(UserError, match=r"visual_projection.weight is \(9, 12\), expected \(8, 12\)"):
        HPSv2(Setup(str(path)))
    save_file({name: value for name, value in state.items() if "ln_post" not in name}, path)
    with pytest.raises(UserError, match=r"vision_model.post_layernorm.bias is missing, and 1 more"):
        HPSv2(Setup(str(path)))
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match="weights of another shape or model"):  # then they must be a ViT-H-14
        HPSv2(Setup(str(path)))


def test_the_hash_is_of_the_weights(tmp_path: Path) -> None:
    tiny_rewards.clip(tmp_path)
    first = PickScore(Setup(str(tmp_path))).settings["weights"]
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    save_file(state | {"logit_scale": state["logit_scale"] + 1}, path)
    assert PickScore(Setup(str(tmp_path))).settings["weights"] != first


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "needs --instruction FILE"),
        ("INSTRUCTION = 'rate'", "no INSTRUCTION and prompt_with_special_token there"),
        ("INSTRUCTION = ", "cannot be read as Python"),
    ],
)
def test_the_question_of_hpsv3_is_asked_for(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "question.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=told):
        hpsv3.HPSv3(Setup("x", "y", path if text is not None else None))
