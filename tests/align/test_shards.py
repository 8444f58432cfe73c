"""A denoiser spread over two processes by FSDP2 trains the LoRA of one; other engines are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import multiprocessing
from torch.distributed.tensor import DTensor

import processes
from asap.align import loop, shards, train
from asap.backbones import lora
from asap.backbones.load import load
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.store import read_rows
from families import condition_of
from tiny_runs import tiny_run

FSDP = (
    "accelerate.commands.accelerate_cli launch --use_fsdp --fsdp_version 2 --num_processes 2 "
    "--num_machines 1 --mixed_precision no --dynamo_backend no"
)

LAUNCHED = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    "FSDP_VERSION": "2",
}
"""What `accelerate launch` sets."""

config = partial(tiny_run, steps=3, learning_rate=1e-3)


def words(model: Path, data: Path, out: Path, steps: int) -> list[str]:
    return [
        "train", "--model", str(model), "--data", str(data), "--out", str(out), "--steps", str(steps),
        "--resolution", "32", "--batch-size", "1", "--rank", "4", "--tracker", "none",
        "--learning-rate", "1e-3", "--tau", "0.05", "--checkpoint-every", "2",
    ]  # fmt: skip


def assert_same_run(one: Path, other: Path) -> None:
    """Up to what AdamW makes of a gradient near zero that is rounded otherwise."""
    found = load_file(other / WEIGHTS)
    for name, tensor in load_file(one / WEIGHTS).items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-4)
    rows = [[row["loss"] for row in read_rows(run / loop.LOG)] for run in (one, other)]
    assert rows[0] == pytest.approx(rows[1], rel=1e-3, abs=1e-6)


def test_spread_it_trains_the_same_lora_and_goes_on_at_another_world_size(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    alone = config(flux, pairs, tmp_path / "one")
    one = train.run(alone)
    command = [sys.executable, "-m", *FSDP.split(), "-m", "asap", *words(flux, pairs, tmp_path / "two", 3)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_run(one, tmp_path / "two")
    # the run of two goes on in one process, and then in two that recompute activations, member by member
    assert_same_run(
        train.run(replace(alone, steps=5)), train.run(replace(alone, out=tmp_path / "two", steps=5))
    )
    frugal = ("--gradient-checkpointing", "--backward", "split")
    for one in processes.two(*words(flux, pairs, tmp_path / "two", 7), *frugal, env=LAUNCHED):
        assert one.returncode == 0, one.stderr[-3000:]
    assert_same_run(train.run(replace(alone, steps=7)), tmp_path / "two")


def spread(process: int, model: str, meeting: str) -> None:
    """What one of two processes holds of a denoiser, and what it predicts."""
    torch.set_num_threads(1)
    plain, z = load(model), torch.randn(2, 4, 16, 16)
    condition = condition_of(plain)
    wanted = plain.predict(z, torch.full([2], 0.5), condition)
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=process, world_size=2)
    os.environ |= LAUNCHED
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(process), "LOCAL_RANK": str(process)}
    shards.check(config(Path(model), Path(), Path()))
    backbone = load(model, spread=True)
    for name, tensor in condition_of(backbone).items():
        torch.testing.assert_close(tensor, condition[name])
    sizes = {name: p.numel() for name, p in backbone.denoiser.named_parameters()}
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=0)
    shards.shard(backbone.denoiser)
    torch.testing.assert_close(backbone.predict(z, torch.full([2], 0.5), condition), wanted)
    trained = [p for p in backbone.denoiser.parameters() if p.requires_grad]
    base = [p for p in backbone.denoiser.parameters() if not p.requires_grad]
    assert trained and not any(isinstance(p, DTensor) for p in trained)
    assert all(isinstance(p, DTensor) for p in base)
    held = sum(p.to_local().numel() for p in base if isinstance(p, DTensor))
    assert held < 0.55 * sum(sizes.values())
    torch.distributed.destroy_process_group()


def test_each_process_holds_half_of_what_is_frozen(flux: Path, tmp_path: Path) -> None:
    arguments = (str(flux), f"file://{tmp_path / 'meeting'}")
    multiprocessing.start_processes(spread, arguments, nprocs=2, start_method="forkserver")


@pytest.mark.parametrize(
    ("environment", "changes", "message"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, {}, "does not run under DeepSpeed"),
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, {}, "does not run under Megatron-LM"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, {}, "launch with --fsdp_version 2"),
        *(
            ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}, {name: value}, "does not go with FSDP")
            for name, value in {
                "quantize": "int8", "offload": True, "compile": True, "skip_settled": True,
                "reference": "cached", "aspect": "native",
            }.items()
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_launched_is_refused(
    environment: dict[str, str],
    changes: dict[str, object],
    message: str,
    flux: Path,
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"WORLD_SIZE": "2", **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        train.run(config(flux, pairs, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()
