"""The objectives against their formulas, their limits, and diffusers' own DPO loss."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

from asap.align import objectives, train
from asap.align.objectives import PairErrors, asap, dpo, preference_gap, sft


def random_errors(seed: int = 0, batch: int = 3) -> PairErrors:
    generator = torch.Generator().manual_seed(seed)
    errors = [torch.rand(batch, 4, 5, generator=generator, dtype=torch.float64) for _ in range(4)]
    weight = (torch.rand(batch, 4, 5, generator=generator) > 0.5).double()
    return PairErrors(*errors, weight)


def test_gap_follows_the_equation_written_out_in_loops() -> None:
    errors, alpha = random_errors(), 10.0
    for b in range(3):
        total = [0.0] * 4
        for k in range(4):
            for i in range(4):
                for j in range(5):
                    total[k] += (1 + alpha * errors.weight[b, i, j].item()) * errors[k][b, i, j].item() / 20
        expected = -((total[0] - total[1]) - (total[2] - total[3]))
        assert preference_gap(errors, alpha)[b].item() == pytest.approx(expected, abs=1e-12)


def test_at_the_start_policy_is_reference_so_losses_are_known() -> None:
    w, l_, _, _, weight = random_errors()
    errors = PairErrors(w, l_, w, l_, weight)
    assert torch.equal(asap(errors, alpha=10, tau=0.1), torch.full((3,), 0.1, dtype=torch.float64).square())
    assert torch.allclose(dpo(errors, beta=5000), torch.full((3,), math.log(2), dtype=torch.float64))
    assert torch.equal(sft(errors), w.mean((1, 2)))


def test_asap_is_zero_at_the_margin_and_pulls_back_beyond_it() -> None:
    for gap, sign in ((0.05, -1.0), (0.1, 0.0), (0.3, 1.0)):
        ref = torch.full((1, 2, 2), 1.0, dtype=torch.float64)
        policy_w = torch.full((1, 2, 2), 1.0 - gap, dtype=torch.float64, requires_grad=True)
        errors = PairErrors(policy_w, ref, ref, ref, torch.zeros(1, 2, 2))
        loss = asap(errors, alpha=10, tau=0.1)
        (gradient,) = torch.autograd.grad(loss.sum(), policy_w)
        assert loss.item() == pytest.approx((gap - 0.1) ** 2, abs=1e-12)
        # beyond the margin the gradient raises delta no further: descent lets the winner's error rise again
        assert (gradient < -1e-9).all() == (sign > 0)
        assert (gradient > 1e-9).all() == (sign < 0)


def test_dpo_never_stops_pushing() -> None:
    ref = torch.ones(1, 2, 2, dtype=torch.float64)
    for gap in (0.0, 0.1, 10.0):
        policy_w = (ref - gap).requires_grad_()
        loss = dpo(PairErrors(policy_w, ref, ref, ref, ref), beta=2.0)
        assert torch.autograd.grad(loss.sum(), policy_w)[0].min() > 0


def test_errors_outside_the_region_count_once_and_inside_one_plus_alpha_times() -> None:
    error = torch.tensor([[[1.0, 2.0]]])
    weight = torch.tensor([[[0.0, 1.0]]])
    assert objectives.region_error(error, weight, 10.0).item() == pytest.approx((1 + 11 * 2) / 2)


def test_dpo_equals_diffusers_script_on_the_same_predictions() -> None:
    """The loss of diffusers' train_diffusion_dpo_sdxl.py, transcribed, winners and losers stacked."""
    generator = torch.Generator().manual_seed(1)
    model_pred, ref_pred, target = (torch.randn(6, 4, 8, 8, generator=generator) for _ in range(3))
    model_losses = F.mse_loss(model_pred, target, reduction="none").mean(dim=[1, 2, 3])
    ref_losses = F.mse_loss(ref_pred, target, reduction="none").mean(dim=[1, 2, 3])
    model_w, model_l = model_losses.chunk(2)
    ref_w, ref_l = ref_losses.chunk(2)
    inside = -0.5 * 5000 * ((model_w - model_l) - (ref_w - ref_l))
    expected = -F.logsigmoid(inside)

    def split(prediction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        winner, loser = (prediction - target).square().mean(1).chunk(2)
        return winner, loser

    errors = PairErrors(*split(model_pred), *split(ref_pred), torch.rand(3, 8, 8, generator=generator))
    torch.testing.assert_close(dpo(errors, beta=5000), expected, rtol=1e-4, atol=1e-4)


def test_names_are_those_of_the_command_and_every_one_can_be_bound() -> None:
    assert set(get_args(train.Objective)) == set(objectives.NAMES)
    for name in objectives.NAMES:
        loss = objectives.bind(name, alpha=10.0, tau=0.1, beta=100.0)(random_errors())
        assert loss.shape == (3,) and bool(loss.isfinite().all()) and bool((loss >= 0).all())


def test_without_a_region_the_local_objectives_are_the_plain_ones() -> None:
    errors = random_errors()
    bound = objectives.bind
    assert torch.equal(objectives.local_dpo(errors, alpha=0.0, beta=70.0), dpo(errors, beta=70.0))
    assert torch.equal(objectives.local_sft(errors, alpha=0.0), sft(errors))
    bounded = bound("bounded", alpha=10.0, tau=0.1, beta=0.0)(errors)
    assert torch.equal(bounded, asap(errors, alpha=0.0, tau=0.1))
    assert not torch.allclose(bounded, bound("asap", alpha=10.0, tau=0.1, beta=0.0)(errors))


def constant(
    policy_w: float, policy_l: float, ref_w: float, ref_l: float, weight: torch.Tensor
) -> PairErrors:
    """Errors that are the same at all positions of (1, 4, 4)."""
    values = (torch.full((1, 4, 4), v, dtype=torch.float64) for v in (policy_w, policy_l, ref_w, ref_l))
    return PairErrors(*values, weight.double())


def square(side: int) -> torch.Tensor:
    weight = torch.zeros(1, 4, 4)
    weight[:, :side, :side] = 1
    return weight


def test_one_sided_is_asap_below_the_margin_and_nothing_beyond_it() -> None:
    below = constant(0.98, 1.0, 1.0, 1.0, square(0))
    beyond = constant(0.7, 1.0, 1.0, 1.0, square(0))
    both = {"alpha": 10.0, "tau": 0.1}
    assert torch.equal(objectives.one_sided(below, **both), asap(below, **both))
    assert objectives.one_sided(beyond, **both).item() == 0.0 < asap(beyond, **both).item()


def test_anchored_adds_the_square_of_the_winners_rise_alone() -> None:
    both = {"alpha": 0.0, "tau": 0.1}
    risen, fallen = constant(1.2, 1.5, 1.0, 1.0, square(0)), constant(0.8, 1.0, 1.0, 1.0, square(0))
    assert objectives.anchored(risen, **both).item() == pytest.approx(asap(risen, **both).item() + 0.2**2)
    assert torch.equal(objectives.anchored(fallen, **both), asap(fallen, **both))


def test_area_weighs_a_small_region_as_a_large_one() -> None:
    """The winner improves by 0.1 inside the region alone, which covers 1 or 4 of 16 positions."""
    gaps, plain = [], []
    for side in (1, 2):
        weight = square(side)
        errors = constant(1.0, 1.0, 1.0, 1.0, weight)
        errors = errors._replace(policy_w=errors.policy_w - 0.1 * weight)
        outside = 0.1 * weight.mean().item()  # what the unweighted mean sees of it
        gaps.append(objectives.area_gap(errors, 3.0).item() - outside)
        plain.append(preference_gap(errors, 3.0).item() - outside)
    assert gaps == pytest.approx([0.3, 0.3])
    assert plain[1] == pytest.approx(4 * plain[0])


def test_relative_gap_is_a_share_whatever_the_unit_of_the_errors() -> None:
    errors = random_errors()
    scaled = PairErrors(*(e * 37.0 for e in errors[:4]), errors.weight)
    torch.testing.assert_close(objectives.relative_gap(scaled, 3.0), objectives.relative_gap(errors, 3.0))
    # the winner's error falls by a fifth, the loser's rises by a fifth
    known = constant(0.8, 1.2, 1.0, 1.0, square(2))
    assert objectives.relative_gap(known, 3.0).item() == pytest.approx(math.log(1.2 / 0.8))
    assert objectives.relative(known, alpha=3.0, tau=0.1).item() == pytest.approx((math.log(1.5) - 0.1) ** 2)


def test_an_empty_region_weighs_nothing() -> None:
    errors = random_errors()._replace(weight=torch.zeros(3, 4, 5))
    torch.testing.assert_close(objectives.area_gap(errors, 10.0), preference_gap(errors, 0.0))
    assert bool(objectives.relative_gap(errors, 10.0).isfinite().all())


def test_the_logged_gap_is_the_one_that_is_driven() -> None:
    errors = random_errors()
    for name, alpha in (("asap", 10.0), ("bounded", 0.0), ("dpo", 0.0), ("local_dpo", 10.0)):
        assert torch.equal(objectives.gap(name, alpha=10.0)(errors), preference_gap(errors, alpha))
    assert torch.equal(objectives.gap("relative", alpha=3.0)(errors), objectives.relative_gap(errors, 3.0))
    assert torch.equal(objectives.gap("area", alpha=3.0)(errors), objectives.area_gap(errors, 3.0))


def test_summary_reports_who_moved() -> None:
    ref = torch.ones(4, 2, 2)
    errors = PairErrors(ref * 0.9, ref * 1.3, ref, ref, torch.zeros(4, 2, 2))
    summary = objectives.summarize(errors, objectives.gap("dpo", alpha=0.0))
    assert summary["delta_mean"] == pytest.approx(0.4)
    assert summary["delta_p10"] == pytest.approx(0.4)
    assert summary["winner_rise"] == pytest.approx(-0.1)
    assert summary["loser_rise"] == pytest.approx(0.3)


def test_the_module_needs_torch_alone() -> None:
    import subprocess
    import sys

    heavy = "('diffusers', 'transformers', 'cv2')"
    code = f"import sys, asap.align.objectives; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_lag_is_the_missing_share_of_the_margin() -> None:
    rises = torch.tensor([-1.0, 0.0, 0.5, 1.0, 3.0])
    errors = PairErrors(
        torch.zeros(5, 2, 2), rises.reshape(5, 1, 1).expand(5, 2, 2), *torch.zeros(3, 5, 2, 2)
    )
    lag = objectives.lag("asap", alpha=10.0, tau=1.0, beta=0.0)
    assert lag(errors).tolist() == [2.0, 1.0, 0.5, 0.0, 0.0]


def test_the_lag_of_dpo_is_its_share_in_the_gradient() -> None:
    rises = torch.tensor([-1.0, 0.0, 0.5, 4.0], requires_grad=True)
    errors = PairErrors(
        torch.zeros(4, 2, 2), rises.reshape(4, 1, 1).expand(4, 2, 2), *torch.zeros(3, 4, 2, 2)
    )
    objectives.dpo(errors, beta=3.0).sum().backward()
    lag = objectives.lag("dpo", alpha=10.0, tau=0.0, beta=3.0)(errors)
    assert rises.grad is not None
    torch.testing.assert_close(lag.detach(), -rises.grad / 1.5)


@pytest.mark.parametrize("name", ["sft", "local_sft", "nonsense"])
def test_what_drives_no_gap_has_no_lag(name: str) -> None:
    with pytest.raises(KeyError):
        objectives.lag(name, alpha=1.0, tau=1.0, beta=1.0)
