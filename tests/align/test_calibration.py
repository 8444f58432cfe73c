"""Settings measured on model and pairs: exact on a model of one weight, repeatable on real ones."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from accelerate import Accelerator
from torch import Tensor, nn

from asap.align import calibration, measure, objectives, propose, train, trial
from asap.align.calibration import held, noise_seed, reference_gaps, scale, uncertainty
from asap.align.draws import Shown
from asap.align.gradient import Learner, joint
from asap.align.latents import Batch
from asap.align.objectives import Objective, sft
from asap.align.sampling import Uniform
from asap.align.step import Work
from asap.errors import UserError
from asap.store import read_config

GOOD, FAULTY = 2.0, 0.5


class Adapter(nn.Module):
    """One weight; off, it is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.on = nn.Parameter(torch.zeros(())), True

    def disable_adapters(self) -> None:
        self.on = False

    def enable_adapters(self) -> None:
        self.on = True


class Toy:
    """Predicts the same number everywhere; the target is the latent itself. So everything is known."""

    device, dtype = "cpu", torch.float32

    def __init__(self) -> None:
        self.denoiser = Adapter()

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, generator=generator)

    def noise(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return z

    def target(self, z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return z

    def predict(self, z_t: Tensor, t: Tensor, condition: Any) -> Tensor:
        return torch.ones_like(z_t) * self.denoiser.weight * self.denoiser.on


class Pairs:
    """Pairs whose pictures are one number each; the region is the upper half."""

    def __init__(self, faulty: Sequence[float]) -> None:
        self.faulty = faulty

    def __len__(self) -> int:
        return len(self.faulty)

    def groups(self, indices: Sequence[int]) -> Iterator[tuple[list[int], Batch]]:
        shape = (len(indices), 1, 4, 4)
        loser = torch.tensor([self.faulty[index] for index in indices]).view(-1, 1, 1, 1).expand(shape)
        weight = torch.zeros(len(indices), 4, 4)
        weight[:, :2] = 1
        yield list(range(len(indices))), Batch(torch.full(shape, GOOD), loser, weight, {})


def work(objective: str, **bound: float) -> Work:
    backbone: Any = Toy()
    bound = {"alpha": 0.0, "tau": 0.0, "beta": 0.0, **bound}
    named = dict(backbone.denoiser.named_parameters())
    learner = Learner(backbone, named, objectives.bind(objective, **bound), unpaired=False)
    config = train.Config("toy", "toy", Path("toy"), objective, batch_size=4)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(learner.parameters)
    return Work(config, backbone, Pairs([FAULTY] * 8), None, learner, joint, optimizer, Accelerator(cpu=True))  # type: ignore[arg-type]


def test_the_gap_of_the_reference_is_exact_at_every_alpha() -> None:
    """The reference predicts 0, so e is the latent's square, and mean(M e) half of that."""
    pairs: Any = Pairs([0.0, 1.0, 2.0, 3.0, 4.0])
    gaps = reference_gaps(Toy(), pairs, held(5, 10, 0), size=4, seed=noise_seed(0))  # type: ignore[arg-type]
    squares = sorted([b**2 - GOOD**2 for b in (0, 1, 2, 3, 4)] * 2)
    for alpha in (0.0, 10.0):
        found = gaps.under(Objective(sft, alpha))
        assert sorted(found.tolist()) == pytest.approx([(1 + alpha / 2) * g for g in squares])
    area = gaps.under(objectives.bind("area", alpha=10.0, tau=0, beta=0))  # M over its mean of 1/2
    assert sorted(area.tolist()) == pytest.approx([11 * g for g in squares])
    relative = gaps.under(objectives.bind("relative", alpha=1.0, tau=0, beta=0))
    assert max(relative.tolist()) == pytest.approx(math.log(16 / 4))


def test_the_spread_is_the_normal_s_own_and_tails_do_not_rule_it() -> None:
    normal = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    assert calibration.spread(3 * normal).item() == pytest.approx(3, rel=0.03)
    tails = torch.cat([normal[:990], torch.full((10,), 100.0)])
    assert calibration.spread(tails).item() == pytest.approx(1, rel=0.08) and tails.std() > 9
    found = scale(normal)
    assert (found.p10, found.p50, found.p90) == pytest.approx((-1.28, 0, 1.28), abs=0.03)


def test_its_uncertainty_is_that_of_quantiles() -> None:
    """sqrt(2 (p(1-p) - p^2)) / (f(q) 2.563 sqrt(n)), with f the normal's density at its first decile."""
    normal = torch.randn(4000, generator=torch.Generator().manual_seed(1))
    density = math.exp(-(1.28155**2) / 2) / math.sqrt(2 * math.pi)
    expected = math.sqrt(2 * (0.09 - 0.01)) / (density * 2.5631 * math.sqrt(4000))
    assert uncertainty(normal, 0) == pytest.approx(expected, rel=0.2)
    assert uncertainty(normal, 0) == uncertainty(normal, 0) != uncertainty(normal, 1)


def test_margin_and_temperature_stop_at_the_same_scale() -> None:
    assert calibration.margin(0.06) == pytest.approx(0.09)
    beta = calibration.temperature(0.06)
    assert torch.sigmoid(torch.tensor(-beta / 2 * 0.06)).item() == pytest.approx(0.018, abs=1e-3)


def test_what_is_measured_on_is_every_pair_in_turn() -> None:
    shown = held(4, 10, 0)
    assert [sum(one.pair == pair for one in shown[:8]) for pair in range(4)] == [2] * 4
    assert len(set(shown)) == 10 and held(4, 10, 0) == shown != held(4, 10, 1)
    assert Shown(shown[0].pair, 0) == shown[0]


@pytest.mark.parametrize(("objective", "goal"), [("asap", 0.1), ("dpo", 0.03)])
def test_the_rate_moves_predictions_as_far_as_wanted(objective: str, goal: float) -> None:
    """AdamW moves the one weight by the rate in each step, so that 16 steps move predictions by 16 rates, of
    an error of GOOD. The gap is 2 w (GOOD - FAULTY)."""
    own = work(objective, tau=1e4, beta=1e-3)
    shown = held(8, 16, 0)
    gaps = reference_gaps(own.backbone, own.pairs, shown, size=4, seed=noise_seed(0))
    trials = trial.search(own, Uniform(8, 0, 4), shown, gaps, 16)
    last = trials[-1]
    assert last.drift == pytest.approx(16 * last.rate / GOOD, rel=1e-3)
    assert last.drift == pytest.approx(goal, rel=trial.CLOSE)
    assert last.gap == pytest.approx(2 * 16 * last.rate * (GOOD - FAULTY), rel=1e-3)
    assert own.learner.parameters[0].item() == 0.0  # as before


def test_a_search_ends_where_nothing_moves() -> None:
    own = work("asap", tau=1e4)
    own = own._replace(config=replace(own.config, max_grad_norm=1e-30))  # AdamW's epsilon then swallows steps
    shown = held(8, 4, 0)
    gaps = reference_gaps(own.backbone, own.pairs, shown, size=4, seed=noise_seed(0))
    trials = trial.search(own, Uniform(8, 0, 4), shown, gaps, 2)
    assert 1 < len(trials) <= trial.MOST and trials[-1].drift < 1e-3
    assert max(one.rate for one in trials) <= trial.HIGHEST


def test_pairs_without_a_difference_are_told() -> None:
    with pytest.raises(UserError, match="hap: the untrained model does not tell"):
        measure._scale(torch.zeros(8), "hap")


def test_a_pace_that_drowns_in_noise_is_no_pace() -> None:
    seen = trial.Trial(1e-3, 16, 0.1, 0.02, 0.001)
    assert "after 80 steps" in measure.notes(0.07, [seen], 0.1)[-1]
    assert "not known" in measure.notes(0.07, [seen._replace(gap_error=0.02)], 0.1)[-1]


def config(model: Path, data: Path, out: Path, **changes: Any) -> propose.Config:
    settings = propose.Config(
        str(model), str(data), out, resolution=32, batch_size=2, rank=4, tracker="none", measured=12, trial=2
    )
    return replace(settings, **changes)


@pytest.mark.parametrize(("objective", "scaled"), [("asap", "tau"), ("local_dpo", "beta")])
def test_flux_is_measured_and_trained_by_what_came_out(
    flux: Path, pairs: Path, tmp_path: Path, objective: str, scaled: str
) -> None:
    out = propose.run(config(flux, pairs, tmp_path / "proposal", objective=objective))
    found = json.loads((out / propose.CALIBRATION).read_text())
    assert found["proposed"].keys() == {scaled, "learning_rate"}
    spread = found["gap"]["spread"]
    expected = 1.5 * spread if scaled == "tau" else 8 / spread
    assert found["proposed"][scaled]["value"] == pytest.approx(expected, rel=0.01)
    words = ["--config", str(out / propose.SETTINGS), "--out", str(tmp_path / "run"), "--steps", "1"]
    train.main(words)
    made = read_config(tmp_path / "run")
    for name, one in found["proposed"].items():
        assert made["identity"][name] == one["value"]
    assert made["calibration"] == found
    told = made["origins"]
    assert told[scaled].startswith("measured: ") and told["alpha"].startswith("recipe flux, published: ")
    assert told["steps"] == "command line" and told["seed"].startswith("run.yaml:")
    assert told["tau" if scaled == "beta" else "beta"] == "the objective does not use it"
    assert found["origins"]["alpha"].startswith("recipe flux, published: ")
    assert not (tmp_path / "run" / "latents").exists()  # those of the proposal were taken


def test_the_same_seed_gives_the_same_bytes(flux: Path, pairs: Path, tmp_path: Path) -> None:
    one, two, other = (
        propose.run(config(flux, pairs, tmp_path / name, cache=tmp_path / "cache", seed=seed))
        for name, seed in (("one", 0), ("two", 0), ("other", 1))
    )
    for name in (propose.CALIBRATION, propose.SETTINGS):
        text = (one / name).read_text().replace("/one", "/two")
        assert text == (two / name).read_text() != (other / name).read_text()


def test_what_is_given_is_kept(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = propose.run(config(flux, pairs, tmp_path / "p", tau=0.3, learning_rate=2e-4, warmup=7))
    settings = yaml.safe_load((out / propose.SETTINGS).read_text())
    assert (settings["tau"], settings["learning_rate"]) == (0.3, 2e-4)
    assert (settings["warmup"], settings["objective"]) == (7, "asap")
    found = json.loads((out / propose.CALIBRATION).read_text())
    assert found["proposed"] == {} and found["trials"] == [] and found["gap"]["spread"] > 0


def test_without_a_trial_the_rate_is_the_recipe_s(
    flux: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    propose.main([
        "--model", str(flux), "--data", str(pairs), "--out", str(tmp_path / "p"), "--resolution", "32",
        "--measured", "6", "--trial", "0",
    ])  # fmt: skip
    shown = capsys.readouterr().out
    assert "learning_rate" not in shown and "tau " in shown and "asap train --config" in shown
    text = (tmp_path / "p" / propose.SETTINGS).read_text()
    assert "# measured: 1.5 x the spread" in text and "# recipe flux, usual: " in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"objective": "sft"}, "--objective sft drives no gap"),
        ({"objective": "mapo"}, "--objective mapo drives no gap"),
        ({"measured": 1}, "--measured 2 or more"),
        ({"alpha": -1.0}, "--alpha -1.0: must be"),
        ({"data": "/nowhere"}, "nowhere"),
    ],
)
def test_mistakes(flux: Path, pairs: Path, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        propose.run(replace(config(flux, pairs, tmp_path / "p"), **changes))


def test_a_calibration_that_is_none(flux: Path, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    for name in ("x.json", "none.json"):
        plain = train.Config(str(flux), str(pairs), tmp_path / "run", resolution=32, tracker="none")
        settings = replace(plain, calibration=tmp_path / name)
        with pytest.raises(UserError, match=f"--calibration .*{name}: not what `asap propose` writes"):
            train.run(settings)
        assert not (tmp_path / "run").exists()
