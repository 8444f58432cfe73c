"""`asap train` that spares memory or time: on quantised, offloaded and compiled denoisers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file

from asap.align import loop, train
from asap.backbones import compiled, frozen
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.store import read_rows
from frugal import allow_nf4_on_cpu, skip_unless_installed
from tiny_runs import tiny_run

config = tiny_run


def same(a: Path, b: Path, tolerance: float) -> None:
    """The same LoRA but for `tolerance` of what was learned: all of the B matrices, which start at zero.

    Number by number AdamW makes much of how a gradient near zero is rounded.
    """
    wanted, got = load_file(a / WEIGHTS), load_file(b / WEIGHTS)
    assert wanted.keys() == got.keys()
    learned = sum(t.square().sum() for name, t in wanted.items() if "lora_B" in name or "lora.up" in name)
    off = sum((tensor - got[name]).square().sum() for name, tensor in wanted.items())
    assert off <= tolerance**2 * learned


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        *(
            ("int8", "flux"),
            ("int8", "sdxl"),
            ("fp8", "flux"),
            ("fp8", "sdxl"),
            ("nf4", "flux"),
            ("nf4", "sdxl"),
        ),
        *(("int8", "sd3"), ("fp8", "z_image"), ("nf4", "qwen_image"), ("int8", "klein")),
    ],
)
def test_quantised_bases_train_loras_for_the_whole_model(
    kind: str,
    family: str,
    tiny_family: Callable[[str], Path],
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skip_unless_installed(kind)
    if kind == "nf4":
        allow_nf4_on_cpu(monkeypatch)
    model = tiny_family(family)
    frugal = {"dtype": "bfloat16", "quantize": kind, "gradient_checkpointing": True}
    out = train.run(config(model, pairs, tmp_path / "run", **frugal))
    rows = list(read_rows(out / loop.LOG))
    assert all(math.isfinite(row["loss"]) and math.isfinite(row["grad_norm"]) for row in rows)
    # the reference is quantised too: at first it is the policy
    assert rows[0]["delta_mean"] == pytest.approx(0, abs=1e-6)
    assert rows[-1]["delta_mean"] != 0
    pipeline = DiffusionPipeline.from_pretrained(model)
    pipeline.load_lora_weights(str(out), adapter_name="trained")
    denoiser = pipeline.unet if family == "sdxl" else pipeline.transformer
    loaded = {name: p for name, p in denoiser.named_parameters() if ".trained." in name}
    trained = load_file(out / WEIGHTS)
    assert len(loaded) == len(trained) and all(p.dtype == torch.float32 for p in trained.values())
    known = sorted(tensor.double().norm().item() for tensor in trained.values())
    assert sorted(p.double().norm().item() for p in loaded.values()) == pytest.approx(known)


def test_the_references_errors_are_kept_apart_by_what_is_quantised(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    skip_unless_installed("int8")
    shared = {"reference": "cached", "draws": 1, "cache": tmp_path / "cache", "steps": 1}
    rows = []
    for kind in ("none", "int8"):
        out = train.run(config(flux, pairs, tmp_path / kind, quantize=kind, **shared))
        rows += read_rows(out / loop.LOG)
    assert len(list((tmp_path / "cache").glob("reference-*"))) == 2
    assert [row["delta_mean"] for row in rows] == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_offloading_changes_nothing(
    family: str, tiny_family: Callable[[str], Path], pairs: Path, tmp_path: Path
) -> None:
    model = tiny_family(family)
    whole = train.run(config(model, pairs, tmp_path / "whole"))
    frugal = {"offload": True, "gradient_checkpointing": True}
    same(whole, train.run(config(model, pairs, tmp_path / "frugal", **frugal)), 1e-3)


def test_offloading_goes_with_eight_bits(flux: Path, pairs: Path, tmp_path: Path) -> None:
    skip_unless_installed("int8")
    whole = train.run(config(flux, pairs, tmp_path / "whole", quantize="int8"))
    same(whole, train.run(config(flux, pairs, tmp_path / "off", quantize="int8", offload=True)), 1e-3)


def test_compiled_it_trains_the_same(
    sdxl: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the tracer and its backward pass; code is made of it in the next test."""
    real = compiled.compile_blocks
    monkeypatch.setattr(compiled, "compile_blocks", lambda network: real(network, "aot_eager"))
    same(*plain_and_compiled(sdxl, pairs, tmp_path, gradient_checkpointing=True), 1e-2)


def test_compiled_to_code_it_trains_the_same(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machine code is made of one part with a LoRA, which takes long; another block is traced."""
    real = compiled.compile_blocks

    def compile_blocks(network: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(frozen, "blocks", lambda n: [n.transformer_blocks[0].ff])
            real(network)
            patch.setattr(frozen, "blocks", lambda n: n.single_transformer_blocks)
            real(network, "aot_eager")

    monkeypatch.setattr(compiled, "compile_blocks", compile_blocks)
    same(*plain_and_compiled(flux, pairs, tmp_path), 1e-2)


def plain_and_compiled(model: Path, pairs: Path, folder: Path, **changes: bool) -> tuple[Path, Path]:
    """Two short runs, the second with --compile; fails where nothing was compiled."""
    settings = config(model, pairs, folder / "plain", steps=2, **changes)
    plain = train.run(settings)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    run = train.run(replace(settings, out=folder / "compiled", compile=True))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    return plain, run


def test_where_torch_cannot_compile_it_says_so(
    pairs: Path, flux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no compiler here")

    real = compiled.compile_blocks
    monkeypatch.setattr(compiled, "compile_blocks", lambda network: real(network, refuse))
    torch._dynamo.reset()
    with pytest.raises(UserError, match=r"--compile: torch cannot compile here .*no compiler here"):
        train.run(config(flux, pairs, tmp_path / "run", compile=True))


def test_every_family_has_blocks(tiny_family: Callable[[str], Path]) -> None:
    from asap.backbones.load import load
    from families import FAMILIES

    for family in FAMILIES:
        network = load(str(tiny_family(family))).denoiser
        inside = {id(p) for block in frozen.blocks(network) for p in block.parameters()}
        assert inside, family
