"""The objectives against their formulas, their limits, and diffusers' own DPO loss."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from asap.align import objectives, train
from asap.align.objectives import Objective, PairErrors, bind, of_maps


def random_maps(seed: int = 0, batch: int = 3) -> list[Tensor]:
    """The four members' error maps, and the region's weight."""
    generator = torch.Generator().manual_seed(seed)
    errors = [torch.rand(batch, 4, 5, generator=generator, dtype=torch.float64) for _ in range(4)]
    return [*errors, (torch.rand(batch, 4, 5, generator=generator) > 0.5).double()]


def random_errors() -> PairErrors:
    return of_maps(*random_maps())


def bound(name: str, *, alpha: float = 0.0, tau: float = 0.0, beta: float = 0.0) -> Objective:
    return bind(name, alpha=alpha, tau=tau, beta=beta)


def delta(errors: PairErrors, alpha: float) -> Tensor:
    return bound("asap", alpha=alpha).delta(errors)


def test_gap_follows_the_equation_written_out_in_loops() -> None:
    maps, alpha = random_maps(), 10.0
    for b in range(3):
        total = [0.0] * 4
        for k in range(4):
            for i in range(4):
                for j in range(5):
                    total[k] += (1 + alpha * maps[4][b, i, j].item()) * maps[k][b, i, j].item() / 20
        expected = -((total[0] - total[1]) - (total[2] - total[3]))
        assert delta(of_maps(*maps), alpha)[b].item() == pytest.approx(expected, abs=1e-12)


def test_at_the_start_policy_is_reference_so_losses_are_known() -> None:
    w, l_, _, _, weight = random_maps()
    errors = of_maps(w, l_, w, l_, weight)
    start = torch.full((3,), 0.1, dtype=torch.float64).square()
    assert torch.equal(bound("asap", alpha=10, tau=0.1)(errors), start)
    assert torch.allclose(bound("dpo", beta=5000)(errors), torch.full((3,), math.log(2), dtype=torch.float64))
    assert torch.equal(bound("sft")(errors), w.mean((1, 2)))


def test_asap_is_zero_at_the_margin_and_pulls_back_beyond_it() -> None:
    for gap, sign in ((0.05, -1.0), (0.1, 0.0), (0.3, 1.0)):
        ref = torch.full((1, 2, 2), 1.0, dtype=torch.float64)
        policy_w = torch.full((1, 2, 2), 1.0 - gap, dtype=torch.float64, requires_grad=True)
        loss = bound("asap", alpha=10, tau=0.1)(of_maps(policy_w, ref, ref, ref, torch.zeros(1, 2, 2)))
        (gradient,) = torch.autograd.grad(loss.sum(), policy_w)
        assert loss.item() == pytest.approx((gap - 0.1) ** 2, abs=1e-12)
        # beyond the margin the gradient raises delta no further: descent lets the winner's error rise again
        assert (gradient < -1e-9).all() == (sign > 0)
        assert (gradient > 1e-9).all() == (sign < 0)


def test_dpo_never_stops_pushing() -> None:
    ref, none = torch.full((1, 2, 2), 10.0, dtype=torch.float64), torch.zeros(1, 2, 2)
    for gap in (0.0, 0.1, 10.0):
        policy_w = (ref - gap).requires_grad_()
        loss = bound("dpo", beta=2.0)(of_maps(policy_w, ref, ref, ref, none))
        assert torch.autograd.grad(loss.sum(), policy_w)[0].min() > 0


def test_errors_outside_the_region_count_once_and_inside_one_plus_alpha_times() -> None:
    errors = objectives.reduced(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[0.0, 1.0]]]))
    weighed = bound("asap", alpha=10.0).weigh(errors, torch.tensor([0.5]))
    assert weighed.item() == pytest.approx((1 + 11 * 2) / 2)


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

    def split(prediction: Tensor) -> tuple[Tensor, Tensor]:
        winner, loser = (prediction - target).square().mean(1).chunk(2)
        return winner, loser

    errors = of_maps(*split(model_pred), *split(ref_pred), torch.rand(3, 8, 8, generator=generator))
    torch.testing.assert_close(bound("dpo", beta=5000)(errors), expected, rtol=1e-4, atol=1e-4)


def test_mapo_equals_its_authors_script_on_the_same_predictions() -> None:
    """`compute_loss` of mapo-t2i/mapo, transcribed, with its defaults."""
    generator = torch.Generator().manual_seed(1)
    model_pred, target = (torch.randn(6, 4, 8, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    model_pred = target + 0.3 * model_pred
    model_losses = F.mse_loss(model_pred, target, reduction="none").mean(dim=[1, 2, 3])
    won, lost = model_losses.chunk(2)
    log_odds = (0.5 * won) / (torch.exp(0.5 * won) - 1) - (0.5 * lost) / (torch.exp(0.5 * lost) - 1)
    expected = won - 0.1 * F.logsigmoid(log_odds * 1000)
    maps = (model_pred - target).square().mean(1).chunk(2)
    none = torch.zeros(3, 8, 8)
    torch.testing.assert_close(
        bound("mapo", alpha=10.0, beta=0.1)(of_maps(*maps, none, none, none)), expected
    )


def test_names_are_those_of_the_command_and_every_one_can_be_bound() -> None:
    assert set(get_args(train.Objective)) == set(objectives.NAMES)
    for name in objectives.NAMES:
        loss = bound(name, alpha=10.0, tau=0.1, beta=100.0)(random_errors())
        assert loss.shape == (3,) and bool(loss.isfinite().all()) and bool((loss >= 0).all())


def test_without_a_region_the_local_objectives_are_the_plain_ones() -> None:
    errors = random_errors()
    assert torch.equal(bound("local_dpo", beta=70.0)(errors), bound("dpo", alpha=10.0, beta=70.0)(errors))
    assert torch.equal(bound("local_sft")(errors), bound("sft", alpha=10.0)(errors))
    bounded = bound("bounded", alpha=10.0, tau=0.1)(errors)
    assert torch.equal(bounded, bound("asap", tau=0.1)(errors))
    assert not torch.allclose(bounded, bound("asap", alpha=10.0, tau=0.1)(errors))


def constant(
    policy_w: float, policy_l: float, ref_w: float, ref_l: float, weight: torch.Tensor
) -> PairErrors:
    """Errors that are the same at all positions of (1, 4, 4)."""
    values = (torch.full((1, 4, 4), v, dtype=torch.float64) for v in (policy_w, policy_l, ref_w, ref_l))
    return of_maps(*values, weight.double())


def square(side: int) -> torch.Tensor:
    weight = torch.zeros(1, 4, 4)
    weight[:, :side, :side] = 1
    return weight


def test_one_sided_is_asap_below_the_margin_and_nothing_beyond_it() -> None:
    below = constant(0.98, 1.0, 1.0, 1.0, square(0))
    beyond = constant(0.7, 1.0, 1.0, 1.0, square(0))
    one_sided, asap = (bound(name, alpha=10.0, tau=0.1) for name in ("one_sided", "asap"))
    assert torch.equal(one_sided(below), asap(below))
    assert one_sided(beyond).item() == 0.0 < asap(beyond).item()


def test_anchored_adds_the_square_of_the_winners_rise_alone() -> None:
    risen, fallen = constant(1.2, 1.5, 1.0, 1.0, square(0)), constant(0.8, 1.0, 1.0, 1.0, square(0))
    anchored, asap = (bound(name, tau=0.1) for name in ("anchored", "asap"))
    assert anchored(risen).item() == pytest.approx(asap(risen).item() + 0.2**2)
    assert torch.equal(anchored(fallen), asap(fallen))


def test_area_weighs_a_small_region_as_a_large_one() -> None:
    """The winner improves by 0.1 inside the region alone, which covers 1 or 4 of 16 positions."""
    gaps, plain = [], []
    for side in (1, 2):
        weight, ones = square(side), torch.ones(1, 4, 4)
        errors = of_maps(ones - 0.1 * weight, ones, ones, ones, weight)
        outside = 0.1 * weight.mean().item()  # what the unweighted mean sees of it
        gaps.append(bound("area", alpha=3.0).delta(errors).item() - outside)
        plain.append(delta(errors, 3.0).item() - outside)
    assert gaps == pytest.approx([0.3, 0.3], rel=1e-5)
    assert plain[1] == pytest.approx(4 * plain[0], rel=1e-5)


def test_relative_gap_is_a_share_whatever_the_unit_of_the_errors() -> None:
    *maps, weight = random_maps()
    relative = bound("relative", alpha=3.0, tau=0.1)
    scaled = of_maps(*(37.0 * each for each in maps), weight)
    torch.testing.assert_close(relative.delta(scaled), relative.delta(of_maps(*maps, weight)))
    # the winner's error falls by a fifth, the loser's rises by a fifth
    known = constant(0.8, 1.2, 1.0, 1.0, square(2))
    assert relative.delta(known).item() == pytest.approx(math.log(1.2 / 0.8))
    assert relative(known).item() == pytest.approx((math.log(1.5) - 0.1) ** 2)


def test_an_empty_region_weighs_nothing() -> None:
    errors = of_maps(*random_maps()[:4], torch.zeros(3, 4, 5))
    torch.testing.assert_close(bound("area", alpha=10.0).delta(errors), delta(errors, 0.0))
    assert bool(bound("relative", alpha=10.0).delta(errors).isfinite().all())


def test_two_numbers_of_an_error_map_serve_any_alpha() -> None:
    """What is kept of the reference: L_M is linear in alpha."""
    error, *_, weight = random_maps()
    for alpha in (0.0, 1.0, 37.5):
        weighed = bound("asap", alpha=alpha).weigh(objectives.reduced(error, weight), weight.mean((1, 2)))
        torch.testing.assert_close(weighed, ((1 + alpha * weight) * error).mean((1, 2)))


def test_summary_reports_who_moved() -> None:
    ref = torch.ones(4, 2, 2)
    errors = of_maps(ref * 0.9, ref * 1.3, ref, ref, torch.zeros(4, 2, 2))
    summary = objectives.summarize(errors, bound("dpo", beta=1.0))
    assert summary["delta_mean"] == pytest.approx(0.4)
    assert summary["delta_p10"] == pytest.approx(0.4)
    assert summary["winner_rise"] == pytest.approx(-0.1)
    assert summary["loser_rise"] == pytest.approx(0.3)


def test_what_cannot_be_bound_is_told() -> None:
    with pytest.raises(KeyError, match="no objective 'asp'; there are asap, "):
        bind("asp", alpha=1.0, tau=0.1, beta=0.0)
    with pytest.raises(ValueError, match="dpo with a beta of"):
        bind("dpo", alpha=1.0, tau=0.1, beta=0.0)


def with_gaps(gaps: torch.Tensor) -> PairErrors:
    """Pairs with these gaps, and without a region: the loser's error rises from 1 by so much."""
    one = torch.ones(len(gaps), 2, 2)
    return of_maps(one, one + gaps.reshape(-1, 1, 1), one, one, torch.zeros_like(one))


def test_maps_that_cannot_be_are_refused() -> None:
    maps, region = [torch.rand(3, 4, 5) for _ in range(4)], torch.ones(3, 4, 5)
    of_maps(*maps, region)
    with pytest.raises(ValueError, match=r"\(B, h, w\) alike, not \(3, 4, 5\)"):
        of_maps(*maps, region[:, :2])
    with pytest.raises(ValueError, match="alike"):
        of_maps(*(one[None] for one in maps), region[None])  # channels that were not averaged
    with pytest.raises(ValueError, match=r"beyond \[0, 1\]"):
        of_maps(*maps, 255 * region)
    with pytest.raises(ValueError, match="negative"):
        of_maps(maps[0] - 1, *maps[1:], region)


def test_the_lag_is_the_missing_share_of_the_margin() -> None:
    rises = torch.tensor([-1.0, 0.0, 0.5, 1.0, 3.0])
    errors = with_gaps(rises)
    lag = objectives.lag("asap", alpha=10.0, tau=1.0, beta=0.0)
    assert lag(errors).tolist() == [2.0, 1.0, 0.5, 0.0, 0.0]


def test_the_lag_of_dpo_is_its_share_in_the_gradient() -> None:
    rises = torch.tensor([-1.0, 0.0, 0.5, 4.0], requires_grad=True)
    errors = with_gaps(rises)
    bound("dpo", beta=3.0)(errors).sum().backward()
    lag = objectives.lag("dpo", alpha=10.0, tau=0.0, beta=3.0)(errors)
    assert rises.grad is not None
    torch.testing.assert_close(lag.detach(), -rises.grad / 1.5)


@pytest.mark.parametrize("name", ["sft", "local_sft", "nonsense"])
def test_what_drives_no_gap_has_no_lag(name: str) -> None:
    with pytest.raises(KeyError):
        objectives.lag(name, alpha=1.0, tau=1.0, beta=1.0)
