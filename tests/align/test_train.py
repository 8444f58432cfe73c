"""The loop: it learns, resumes bit for bit, refuses nonsense, and gives a LoRA that diffusers takes."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from peft.tuners.lora import Linear
from safetensors.torch import load_file

import processes
from asap.align import forward, latents, loop, objectives, train
from asap.align.cut import Cut
from asap.align.draws import Shown, draw
from asap.align.gradient import joint
from asap.align.sampling import shuffled
from asap.backbones.load import load
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.store import read_rows
from tiny_runs import tiny_run

SAMPLING = ("uniform", "lagging", "lagging_unbiased")


config = tiny_run


@pytest.mark.parametrize("family", ["flux", "sdxl"])
@pytest.mark.parametrize("objective", ["asap", "dpo", "sft"])
def test_every_objective_trains_every_family(
    family: str, objective: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path
) -> None:
    model: Path = request.getfixturevalue(family)
    out = train.run(config(model, pairs, tmp_path / "run", objective=objective))
    rows = list(read_rows(out / loop.LOG))
    assert [row["step"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["delta_mean"] == pytest.approx(0, abs=1e-6)
    trained = load_file(out / WEIGHTS)
    assert all(tensor.abs().max() > 0 for name, tensor in trained.items() if "lora_B" in name)
    pipeline = DiffusionPipeline.from_pretrained(model)
    pipeline.load_lora_weights(str(out))
    assert pipeline.get_active_adapters()


def test_asap_drives_the_gap_to_its_margin(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = train.run(config(flux, pairs, tmp_path / "run", steps=80, batch_size=6, tau=0.05))
    deltas = [row["delta_mean"] for row in read_rows(out / loop.LOG)]
    assert sum(deltas[-10:]) / 10 == pytest.approx(0.05, abs=0.025)


def test_first_gap_is_zero_for_any_time_and_noise(flux: Path, pairs: Path, tmp_path: Path) -> None:
    """The adapter starts as the identity, so policy and reference agree exactly."""
    from asap.backbones import lora

    backbone = load(str(flux))
    data = latents.prepare(backbone, str(pairs), tmp_path, Cut(32, 1))
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=0)
    batch = data.batch(range(6))
    t, eps = draw(backbone, batch.winner, 0, [Shown(pair, 0) for pair in range(6)])
    errors = forward.pair_errors(backbone, batch, t, eps)
    asap = objectives.bind("asap", alpha=10.0, tau=0.1, beta=0.0)
    assert torch.equal(asap.delta(errors), torch.zeros(6))
    assert errors.policy_w.whole.requires_grad and errors.policy_l.region.requires_grad
    assert not errors.ref_w.whole.requires_grad


def test_the_draws_of_a_pair_do_not_depend_on_its_batch(flux: Path) -> None:
    backbone, latent = load(str(flux)), torch.zeros(3, 4, 16, 16)
    shown = [Shown(5, 0), Shown(2, 7), Shown(5, 1)]
    t, eps = draw(backbone, latent, 0, shown)
    for place, one in enumerate(shown):
        alone = draw(backbone, latent[:1], 0, [one])
        assert torch.equal(alone[0], t[place : place + 1]) and torch.equal(alone[1][0], eps[place])
    assert len({float(time) for time in t}) == 3
    assert not torch.equal(draw(backbone, latent, 1, shown)[1], eps)


@pytest.mark.parametrize("sampling", SAMPLING)
def test_resume_equals_uninterrupted_bit_for_bit(
    flux: Path, named_pairs: Path, tmp_path: Path, sampling: str
) -> None:
    whole = train.run(config(flux, named_pairs, tmp_path / "whole", steps=6, sampling=sampling))
    parts = config(flux, named_pairs, tmp_path / "parts", steps=3, sampling=sampling)
    train.run(parts)
    train.run(replace(parts, steps=6))
    assert (whole / WEIGHTS).read_bytes() == (tmp_path / "parts" / WEIGHTS).read_bytes()
    assert (whole / loop.LOG).read_text() == (tmp_path / "parts" / loop.LOG).read_text()


def test_killed_and_run_again_it_ends_the_same(flux: Path, named_pairs: Path, tmp_path: Path) -> None:
    """Killed in a step between two checkpoints; the order of pairs hangs on what was learned before."""
    settings = config(
        flux, named_pairs, tmp_path / "whole", steps=12, checkpoint_every=5, sampling="lagging_unbiased"
    )
    whole, out = train.run(settings), tmp_path / "killed"
    words = [
        "train", "--model", flux, "--data", named_pairs, "--out", out, "--steps", 12, "--resolution", 32,
        "--batch-size", 2, "--rank", 4, "--learning-rate", "1e-2", "--tau", 0.05, "--checkpoint-every", 5,
        "--tracker", "none", "--sampling", "lagging_unbiased",
    ]  # fmt: skip
    processes.killed("asap.align.loop.take", 9, *words)
    assert (out / loop.CHECKPOINT).exists() and not (out / WEIGHTS).exists()
    assert processes.asap(*words).returncode == 0
    assert (out / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert (out / loop.LOG).read_text() == (whole / loop.LOG).read_text()
    assert [row["step"] for row in read_rows(out / loop.LOG)] == list(range(12))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_finishes_the_step_and_goes_on_from_there(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    whole = train.run(config(flux, pairs, tmp_path / "whole", steps=5))
    settings = config(flux, pairs, tmp_path / "cut", steps=5, checkpoint_every=50)
    real, handler = loop.take, signal.getsignal(number)

    def press(*args: Any) -> Any:
        if args[2] == 2:
            signal.raise_signal(number)
        return real(*args)

    monkeypatch.setattr(loop, "take", press)
    with pytest.raises(KeyboardInterrupt, match="stopped after 3 of 5 steps"):
        train.run(settings)
    assert [row["step"] for row in read_rows(settings.out / loop.LOG)] == [0, 1, 2]
    assert signal.getsignal(number) == handler
    monkeypatch.setattr(loop, "take", real)
    train.run(settings)
    assert (whole / WEIGHTS).read_bytes() == (settings.out / WEIGHTS).read_bytes()


ALIKE = ("loss", "delta_mean", "delta_p10", "winner_rise", "loser_rise", "grad_norm")


def test_processes_and_accumulation_cut_a_step_without_changing_it(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    """Two processes on gloo, a batch of two, or two batches of one: the same pairs, noise, LoRA and log.

    Launched by torchrun; `accelerate launch` launches those of test_shards."""
    out = tmp_path / "two"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
        "-m", "asap", "train", "--model", str(flux),
        "--data", str(pairs), "--out", str(out), "--steps", "3", "--resolution", "32", "--batch-size", "1",
        "--rank", "4", "--tracker", "none", "--learning-rate", "1e-3", "--tau", "0.05",
        "--checkpoint-every", "2",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    alone = config(flux, pairs, tmp_path / "one", steps=3, learning_rate=1e-3)
    one = train.run(alone)
    parts = train.run(replace(alone, out=tmp_path / "parts", batch_size=1, accumulate=2))
    for other in (out, parts):
        assert_same_run(one, other)
    # the run of two goes on in one process
    train.run(replace(alone, out=out, steps=5))
    assert_same_run(train.run(replace(alone, out=tmp_path / "whole", steps=5)), out)
    with pytest.raises(UserError, match="pairs_per_step was 2, now 4"):
        train.run(replace(alone, out=out, steps=6, batch_size=4))


def assert_same_run(one: Path, other: Path) -> None:
    """The same LoRA, and a log of the same numbers, up to rounding."""
    found = load_file(other / WEIGHTS)
    for name, tensor in load_file(one / WEIGHTS).items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)
    for row, same in zip(read_rows(one / loop.LOG), read_rows(other / loop.LOG), strict=True):
        # a gap is a difference of errors near 1, and each carries float32's rounding
        assert [row[name] for name in ALIKE] == pytest.approx(
            [same[name] for name in ALIKE], rel=1e-3, abs=5e-6
        )


def test_other_settings_in_the_same_folder_are_refused(flux: Path, pairs: Path, tmp_path: Path) -> None:
    train.run(config(flux, pairs, tmp_path / "run", steps=1))
    with pytest.raises(UserError, match=r"tau was 0\.05, now 0\.5"):
        train.run(config(flux, pairs, tmp_path / "run", steps=1, tau=0.5))


def test_a_damaged_checkpoint_is_named(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = train.run(config(flux, pairs, tmp_path / "run", steps=1))
    (out / loop.CHECKPOINT).write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"checkpoint\.safetensors is damaged"):
        train.run(config(flux, pairs, tmp_path / "run", steps=2))


def test_a_run_that_diverges_stops_with_the_reason(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(UserError, match=r"is (nan|inf); lower --learning-rate, with another --out"):
        train.run(config(flux, pairs, out, steps=60, learning_rate=1e18, checkpoint_every=1))
    assert all(math.isfinite(value) for row in read_rows(out / loop.LOG) for value in row.values())
    state = load_file(out / loop.CHECKPOINT)
    assert all(tensor.isfinite().all() for tensor in state.values())
    assert not (out / WEIGHTS).exists()


def test_an_infinite_gradient_of_a_finite_loss_makes_no_step(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def infinite(learner: Any, micro: Any) -> Any:
        errors, kept = joint(learner, micro)
        learner.parameters[0].grad.fill_(math.inf)
        return errors, kept

    monkeypatch.setattr(loop, "_way", lambda _: infinite)
    settings = config(flux, pairs, tmp_path / "run")
    with pytest.raises(UserError, match="step 0: grad_norm is inf"):
        train.run(settings)
    assert not (settings.out / loop.CHECKPOINT).exists()


@pytest.mark.parametrize(
    "change",
    [
        *({"steps": 0}, {"tau": float("nan")}, {"learning_rate": -1.0}, {"rank": 0}),
        *(
            {"weight_decay": -1.0},
            {"lora_alpha": -1.0},
            {"max_grad_norm": 0.0},
            {"draws": 0},
            {"accumulate": 0},
        ),
    ],
)
def test_settings_that_cannot_work(flux: Path, pairs: Path, tmp_path: Path, change: dict[str, float]) -> None:
    with pytest.raises(UserError, match="must be"):
        train.run(config(flux, pairs, tmp_path / "run", **change))


def test_a_tracker_that_is_not_installed(flux: Path, pairs: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("wandb"):
        pytest.skip("wandb is installed")
    with pytest.raises(UserError, match="pip install wandb"):
        train.run(config(flux, pairs, tmp_path / "run", tracker="wandb"))


def test_bfloat16_trains_a_float32_lora_after_a_run_in_float32(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    whole = train.run(config(flux, pairs, tmp_path / "whole"))
    half = train.run(config(flux, pairs, tmp_path / "half", dtype="bfloat16"))
    kinds = {tensor.dtype for tensor in load_file(half / WEIGHTS).values()}
    assert kinds == {torch.float32}
    losses = [[row["loss"] for row in read_rows(out / loop.LOG)] for out in (whole, half)]
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], rel=0.2)


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_gradient_checkpointing_recomputes_and_changes_nothing(
    family: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Path = request.getfixturevalue(family)
    calls, real = [0], Linear.forward

    def counted(*args: Any, **settings: Any) -> Any:
        calls[0] += 1
        return real(*args, **settings)

    monkeypatch.setattr(Linear, "forward", counted)
    plain = train.run(config(model, pairs, tmp_path / "plain"))
    once, calls[0] = calls[0], 0
    frugal = train.run(config(model, pairs, tmp_path / "frugal", gradient_checkpointing=True))
    assert calls[0] > once
    a, b = load_file(plain / WEIGHTS), load_file(frugal / WEIGHTS)
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-6)


def test_tensorboard_forgets_the_steps_that_are_done_again(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train.run(config(flux, pairs, out, steps=4, tracker="tensorboard"))
    kept = config(flux, pairs, tmp_path / "kept", steps=2)
    train.run(kept)
    shutil.copy(kept.out / loop.CHECKPOINT, out)  # as if killed before the second checkpoint
    train.run(config(flux, pairs, out, steps=4, tracker="tensorboard"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(out.rglob("events.out.tfevents*")).parent))
    events.Reload()
    assert [s.step for s in events.Scalars("loss")] == [0, 1, 2, 3]


def test_order_visits_every_pair_once_an_epoch() -> None:
    stream = shuffled(7, 0, range(21))
    epochs = [stream[i : i + 7] for i in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert shuffled(7, 0, [9, 13]) == [stream[9], stream[13]]


def test_seeds_change_the_run(flux: Path, pairs: Path, tmp_path: Path) -> None:
    one = train.run(config(flux, pairs, tmp_path / "one", steps=1))
    two = train.run(config(flux, pairs, tmp_path / "two", steps=1, seed=1))
    assert (one / WEIGHTS).read_bytes() != (two / WEIGHTS).read_bytes()


def test_tensorboard_gets_the_curves(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = train.run(config(flux, pairs, tmp_path / "run", tracker="tensorboard"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(out.rglob("events.out.tfevents*")).parent))
    events.Reload()
    assert [s.step for s in events.Scalars("delta_mean")] == [0, 1, 2, 3]


def test_the_recipe_fills_in_what_is_left_open(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = train.run(config(flux, pairs, tmp_path / "run", steps=1, tau=None))
    identity = json.loads((out / "config.json").read_text())["identity"]
    assert identity["tau"] == 0.01 and identity["alpha"] == 10.0 and identity["lora_alpha"] == 4
