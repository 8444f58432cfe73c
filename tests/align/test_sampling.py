"""Sampling by lag: analytic truths of its shares, what it refuses, and that all processes agree."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import processes
from asap.align import kinds, latents, loop, objectives, train
from asap.align.cut import Cut
from asap.align.draws import Shown
from asap.align.kinds import Kinds
from asap.align.objectives import Errors, PairErrors, of_members
from asap.align.sampling import MEMORY, MIX, Lagging, Uniform, allotted, mixed, systematic
from asap.backbones.load import load
from asap.errors import UserError
from asap.pairs import figures
from asap.store import append_rows, read_rows
from tiny_runs import tiny_run

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
KINDS = Kinds(("extra", "fused", "missing"), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2, 2]))  # shares P

FOUR = 4  # pairs a step


def lag(errors: PairErrors) -> Tensor:
    """For tests: what stands in the policy's error on the winner, plus one."""
    return errors.policy_w.whole + 1


def errors(lags: Sequence[float]) -> PairErrors:
    moved, none = torch.tensor(lags) - 1, torch.zeros(len(lags))
    return of_members([Errors(moved, none), *[Errors(none, none)] * 3], none)


def shown(*pairs: int) -> list[Shown]:
    return [Shown(pair, 0) for pair in pairs]


def pairs_of(by: Lagging, step: int) -> list[int]:
    return [one.pair for one in by.draw(step).pairs]


def sampler(total: int = FOUR, *, seed: int = 0, unbiased: bool = False) -> Lagging:
    return Lagging(KINDS, seed, total, lag, unbiased=unbiased)


settings = partial(tiny_run, sampling="lagging", checkpoint_every=50)


@pytest.mark.parametrize("equal", [0.0, 1e-9, 0.5, 7.0])
def test_equal_lags_leave_the_uniform_shares(equal: float) -> None:
    torch.testing.assert_close(mixed(P, torch.full_like(P, equal)), P, rtol=1e-14, atol=0)


def test_what_lags_twice_as_far_gets_twice_as_much_of_the_mixed_half() -> None:
    q = mixed(P, torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64))
    assert ((q - (1 - MIX) * P) / P).tolist() == pytest.approx([MIX * 2 / 1.3, MIX / 1.3, 0])
    assert q.sum().item() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("lags", [[0, 0, 1], [1e-12, 1e12, 0], [5, 1, 1e-30]])
def test_no_kind_starves(lags: list[float]) -> None:
    q = mixed(P, torch.tensor(lags, dtype=torch.float64))
    assert (q >= (1 - MIX) * P).all() and q.sum().item() == pytest.approx(1)


def test_the_pairs_of_a_step_have_the_shares_exactly_over_all_starts() -> None:
    """Shares in twentieths and five points: what comes out changes at multiples of a quarter alone."""
    q = torch.tensor([9, 4, 7], dtype=torch.float64) / 20
    counts = torch.stack([torch.bincount(systematic(q, 5, (i + 0.5) / 4), minlength=3) for i in range(4)])
    assert counts.double().mean(dim=0).tolist() == pytest.approx((5 * q).tolist(), abs=1e-12)
    assert ((counts - 5 * q).abs() < 1).all()


def test_the_kinds_of_a_step_are_in_random_order() -> None:
    """Times and noise go by the place in the batch, so no kind may prefer a place."""
    first = Counter(int(allotted(P, 4, seed)[0]) for seed in range(3000))
    assert [first[kind] / 3000 for kind in range(3)] == pytest.approx(P.tolist(), abs=0.03)


def test_unbiased_the_expected_loss_is_that_of_uniform_sampling() -> None:
    """Every kind that a draw can give, with its probability, and every pair of it."""
    by = sampler(unbiased=True)
    by.state()["lags"].copy_(torch.tensor([0.3, 2.0, 0.7]))
    losses = torch.rand(10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = [by.draw(step) for step in range(40)]
    q = torch.tensor(list(found[0].shown.values()), dtype=torch.float64)
    weights = {
        int(KINDS.of[one.pair]): w.item()
        for draw in found
        if draw.weights is not None
        for one, w in zip(draw.pairs, draw.weights)
    }
    assert set(weights) == {0, 1, 2} and not torch.allclose(q, P, rtol=0.1)
    probability = (q / torch.bincount(KINDS.of))[KINDS.of]
    weight = torch.tensor([weights[int(kind)] for kind in KINDS.of], dtype=torch.float64)
    assert (probability * weight * losses).sum().item() == pytest.approx(losses.mean().item(), rel=1e-6)
    assert (probability * losses).sum().item() != pytest.approx(losses.mean().item(), rel=1e-2)


def test_a_kind_shows_each_of_its_pairs_before_it_shows_one_again() -> None:
    by, seen = sampler(), []
    for step in range(30):
        drawn = by.draw(step).pairs
        by.learn(drawn, errors([1.0] * 4))
        seen += drawn
    for kind in range(3):
        members = (KINDS.of == kind).nonzero().flatten().tolist()
        own = [one for one in seen if one.pair in members]
        assert [one.turn for one in own] == [place // len(members) for place in range(len(own))]
        stream = [one.pair for one in own]
        for start in range(0, len(stream) - len(members), len(members)):
            assert sorted(stream[start : start + len(members)]) == members
    assert by.state()["seen"].sum() == 120 == len(seen)


def test_lags_are_moving_averages_of_what_was_shown() -> None:
    by = sampler()
    assert by.state()["lags"].tolist() == [1, 1, 1]
    by.learn(shown(0, 8, 9, 1), errors([0.0, 3.0, 1.0, 0.5]))
    keep = (1 - 1 / MEMORY) ** 2
    expected = [keep + (1 - keep) * 0.25, 1, keep + (1 - keep) * 2]
    assert by.state()["lags"].tolist() == pytest.approx(expected)
    assert list(by.draw(1).shown) == ["extra", "fused", "missing"]
    assert by.draw(1).shown["missing"] > 0.2 and by.draw(1).shown["extra"] < 0.5


def test_a_draw_depends_on_seed_step_and_state_alone() -> None:
    one, other = sampler(), sampler()
    for step in range(9):
        drawn = one.draw(step).pairs
        one.learn(drawn, errors([0.1 * each.pair for each in drawn]))
    assert one.draw(9) == one.draw(9)
    assert pairs_of(one, 9) != pairs_of(other, 9)
    for name, tensor in other.state().items():
        tensor.copy_(one.state()[name])
    assert one.draw(9) == other.draw(9)
    assert pairs_of(one, 9) != pairs_of(one, 10)
    assert pairs_of(sampler(seed=1), 0) != pairs_of(sampler(), 0)


def test_uniform_tells_the_turn_of_each_pair() -> None:
    stream = [one for step in range(5) for one in Uniform(7, 0, 3).draw(step).pairs]
    for epoch in range(2):
        own = stream[7 * epoch : 7 * (epoch + 1)]
        assert sorted(one.pair for one in own) == list(range(7))
        assert {one.turn for one in own} == {epoch}


def test_kinds_are_errors_and_of_several_parts_where_these_share_one() -> None:
    rows = [
        {"part": "face", "error": "blurred"}, {"part": "hand", "error": "blurred"},
        {"part": "hand", "error": "extra finger"}, {"part": "hand", "error": None},
    ]  # fmt: skip
    found = kinds.kinds_of(rows)
    assert found.names == ("blurred (face)", "blurred (hand)", "extra finger", "unnamed")
    assert found.of.tolist() == [0, 1, 2, 3]


def test_kinds_are_read_from_a_dataset_of_figures(tmp_path: Path) -> None:
    data = figures.run(figures.Config(tmp_path / "pairs", 12))
    backbone = load("mini-hand")
    latents.prepare(backbone, str(data), tmp_path / "cache", Cut(24, 0))
    found = kinds.read(tmp_path / "cache")
    named = pyarrow.parquet.read_table(next(data.rglob("*.parquet")), columns=["error"])["error"].to_pylist()
    assert [found.names[number] for number in found.of] == named and len(set(named)) > 1


def test_an_older_cache_gets_its_kinds_and_a_damaged_one_is_named(
    flux: Path, named_pairs: Path, tmp_path: Path
) -> None:
    run = settings(flux, named_pairs, tmp_path / "run", steps=1)
    train.run(run)
    path = run.out / "latents" / kinds.FILE
    before = path.read_text()
    path.unlink()
    train.run(replace(run, steps=2))
    assert path.read_text() == before
    path.write_text('{"names": ["extra finger"]}')
    with pytest.raises(UserError, match=r"kinds\.json is damaged"):
        train.run(replace(run, steps=3))


def test_a_dataset_that_names_no_errors_is_refused_before_the_folder_is_taken(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"no column `error`.*--sampling uniform"):
        train.run(settings(flux, pairs, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    train.run(settings(flux, pairs, tmp_path / "run", steps=1, sampling="uniform"))
    assert not (tmp_path / "run" / "latents" / kinds.FILE).exists()


@pytest.mark.parametrize("objective", objectives.UNPAIRED)
@pytest.mark.parametrize("sampling", ["lagging", "lagging_unbiased"])
def test_objectives_without_a_gap_are_refused_before_anything_is_read(
    tmp_path: Path, objective: str, sampling: str
) -> None:
    nothing = settings(tmp_path / "none", tmp_path / "none", tmp_path / "run")
    with pytest.raises(UserError, match=f"--objective {objective} does not drive; use --sampling uniform"):
        train.run(replace(nothing, objective=objective, sampling=sampling))  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="--tau above 0"):
        train.run(replace(nothing, tau=0.0))


def test_another_sampling_in_the_same_folder_is_refused(
    flux: Path, named_pairs: Path, tmp_path: Path
) -> None:
    run = settings(flux, named_pairs, tmp_path / "run", steps=1)
    train.run(run)
    with pytest.raises(UserError, match="sampling was 'lagging', now 'lagging_unbiased'"):
        train.run(replace(run, sampling="lagging_unbiased"))


def test_a_uniform_run_keeps_no_record_of_kinds(flux: Path, named_pairs: Path, tmp_path: Path) -> None:
    out = train.run(settings(flux, named_pairs, tmp_path / "run", steps=1, sampling="uniform"))
    assert not {"state/lags", "state/seen"} & set(load_file(out / loop.CHECKPOINT))
    assert "shown" not in next(read_rows(out / loop.LOG))


@pytest.mark.parametrize("objective", ["asap", "dpo"])
def test_the_log_and_tensorboard_say_what_is_shown(
    flux: Path, named_pairs: Path, tmp_path: Path, objective: str
) -> None:
    run = settings(
        flux, named_pairs, tmp_path / "run", objective=objective, tracker="tensorboard", steps=6, batch_size=6
    )
    out = train.run(run)
    shown = [row["shown"] for row in read_rows(out / loop.LOG)]
    assert shown[0] == {"extra finger": 0.6667, "missing finger": 0.3333}
    assert len({row["extra finger"] for row in shown}) > 1
    assert all(sum(row.values()) == pytest.approx(1, abs=1e-3) for row in shown)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(out.rglob("events.out.tfevents*")).parent))
    events.Reload()
    curve = [scalar.value for scalar in events.Scalars("shown/missing finger")]
    assert curve == pytest.approx([row["missing finger"] for row in shown], abs=1e-4)


def spy(folder: str, *words: str) -> None:
    """`asap train WORDS`, which writes down what it learns of the lags."""
    real = Lagging.learn

    def learn(self: Lagging, pairs: Any, errors: Any) -> None:
        real(self, pairs, errors)
        row = {
            "kinds": self._kinds.of[[one.pair for one in pairs]].tolist(),
            "lags": self._lag(errors).double().tolist(),
            "state": {name: tensor.tolist() for name, tensor in self.state().items()},
        }
        append_rows(Path(folder) / f"rank{os.environ['RANK']}.jsonl", [row])

    Lagging.learn = learn  # type: ignore[method-assign]
    train.main(words)


def test_two_processes_agree_on_the_lags_of_both(flux: Path, named_pairs: Path, tmp_path: Path) -> None:
    """On gloo: equal to the bit after every step, and what one process would have found."""
    done = processes.both(
        spy, tmp_path, "--model", flux, "--data", named_pairs, "--out", tmp_path / "run", "--steps", 4,
        "--resolution", 32, "--batch-size", 1, "--rank", 4, "--learning-rate", "1e-2", "--tau", 0.05,
        "--tracker", "none", "--sampling", "lagging_unbiased",
    )  # fmt: skip
    assert [one.returncode for one in done] == [0, 0], done
    first, second = (list(read_rows(tmp_path / f"rank{rank}.jsonl")) for rank in range(2))
    assert [row["state"] for row in first] == [row["state"] for row in second]
    assert [row["lags"] for row in first] == [row["lags"] for row in second]
    lags = torch.ones(2, dtype=torch.float64)
    for row in first:
        for kind in set(row["kinds"]):
            found = [value for number, value in zip(row["kinds"], row["lags"]) if number == kind]
            keep = (1 - 1 / MEMORY) ** len(found)
            lags[kind] = keep * lags[kind] + (1 - keep) * sum(found) / len(found)
    assert first[-1]["state"]["lags"] == pytest.approx(lags.tolist(), rel=1e-12)
    assert sum(first[-1]["state"]["seen"]) == 8
    kept = load_file(tmp_path / "run" / loop.CHECKPOINT)
    assert kept["state/lags"].tolist() == first[-1]["state"]["lags"]


@pytest.mark.parametrize("objective", [name for name in objectives.NAMES if name not in objectives.UNPAIRED])
def test_every_objective_of_pairs_can_be_followed(
    flux: Path, named_pairs: Path, tmp_path: Path, objective: str
) -> None:
    out = train.run(settings(flux, named_pairs, tmp_path / "run", objective=objective, steps=2))
    lags = load_file(out / loop.CHECKPOINT)["state/lags"]
    untrained = 0.5 if objective in objectives.LOGISTIC else 1.0
    assert (lags != untrained).all() and lags.tolist() == pytest.approx([untrained] * 2, abs=0.1)
