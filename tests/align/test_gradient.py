"""Three ways to one gradient: joint, split and, on average, thrifty; what each keeps in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from asap.align import forward, gradient, latents, loop, objectives, train
from asap.align.cut import Cut
from asap.align.draws import Shown, draw
from asap.align.forward import reference_errors
from asap.align.gradient import Learner, Micro, Thrifty, guarded, joint, split
from asap.align.objectives import NAMES, UNPAIRED, PairErrors, bind, of_maps
from asap.backbones import lora
from asap.backbones.load import load
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.store import read_rows
from tiny_runs import tiny_run


def bound(name: str) -> objectives.Objective:
    return bind(name, alpha=3.0, tau=0.05, beta=50.0)


def moved(model: Path, objective: str, *, seed: int = 0) -> Learner:
    """A learner whose LoRA has left the identity, so that no gap is zero."""
    backbone = load(str(model))
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=seed)
    parameters = {name: p for name, p in backbone.denoiser.named_parameters() if p.requires_grad}
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return Learner(backbone, parameters, bound(objective), objective in UNPAIRED)


def micro_of(learner: Learner, pairs: latents.CachedPairs, index: int, weight: float = 0.5) -> Micro:
    batch, shown = pairs.batch([index]), [Shown(index, 0)]
    t, eps = draw(learner.backbone, batch.winner, 0, shown)
    return Micro(batch, shown, t, eps, None, torch.tensor([weight]))


def gradients(learner: Learner, way: gradient.Way, micros: list[Micro]) -> list[Tensor]:
    for parameter in learner.parameters:
        parameter.grad = None
    for micro in micros:
        way(learner, micro)
    return [p.grad if p.grad is not None else torch.zeros_like(p) for p in learner.parameters]


@pytest.fixture
def cached(flux: Path, pairs: Path, tmp_path: Path) -> latents.CachedPairs:
    return latents.prepare(load(str(flux)), str(pairs), tmp_path, Cut(32, 1))


@pytest.mark.parametrize("objective", NAMES)
@pytest.mark.parametrize("known", [False, True])
def test_split_gives_the_joint_gradient_and_errors(
    flux: Path, cached: latents.CachedPairs, objective: str, known: bool
) -> None:
    learner = moved(flux, objective)
    micros = [micro_of(learner, cached, index, weight) for index, weight in ((0, 0.5), (3, 0.2))]
    if known:
        micros = [
            m._replace(reference=reference_errors(learner.backbone, m.batch, m.t, m.eps)) for m in micros
        ]
    whole, parts = (gradients(learner, way, micros) for way in (joint, split))
    scale = max(float(g.abs().max()) for g in whole)
    assert scale > 0
    for a, b in zip(whole, parts):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * scale)
    errors = [way(learner, micros[0])[0] for way in (joint, split)]
    for one, other in zip(errors[0][:4], errors[1][:4]):
        torch.testing.assert_close(one, other)


def test_split_leaves_earlier_gradients_in_place(flux: Path, cached: latents.CachedPairs) -> None:
    learner = moved(flux, "asap")
    micro = micro_of(learner, cached, 0)
    alone = [g.clone() for g in gradients(learner, split, [micro])]
    split(learner, micro)
    for parameter, once in zip(learner.parameters, alone):
        torch.testing.assert_close(parameter.grad, 2 * once)


def saved_bytes(work: Callable[[], object], learner: Learner) -> int:
    """The most bytes that autograd kept at any time, parameters not counted."""
    own = {p.untyped_storage().data_ptr() for p in learner.backbone.denoiser.parameters()}
    alive, peak = [0], [0]

    class Kept:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor
            counted = tensor.untyped_storage().data_ptr() not in own
            self.size = tensor.numel() * tensor.element_size() if counted else 0
            alive[0] += self.size
            peak[0] = max(peak[0], alive[0])

        def __del__(self) -> None:
            alive[0] -= self.size

    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        work()
    return peak[0]


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_split_keeps_half_the_activations(
    family: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path
) -> None:
    model: Path = request.getfixturevalue(family)
    learner = moved(model, "asap")
    data = latents.prepare(learner.backbone, str(pairs), tmp_path, Cut(32, 1))
    micro = micro_of(learner, data, 0)
    micro = micro._replace(reference=reference_errors(learner.backbone, micro.batch, micro.t, micro.eps))
    whole, parts = (saved_bytes(lambda way=way: way(learner, micro), learner) for way in (joint, split))
    assert 0 < parts <= 0.55 * whole


@pytest.mark.parametrize("objective", [name for name in NAMES if name not in UNPAIRED])
def test_factors_are_those_of_the_loss(objective: str) -> None:
    generator = torch.Generator().manual_seed(3)
    maps = [torch.rand(4, 3, 3, generator=generator, dtype=torch.float64) for _ in range(4)]
    weight = (torch.rand(4, 3, 3, generator=generator) > 0.5).double()
    winner, loser = gradient.factors(bound(objective), of_maps(*maps, weight))
    moved_w = [m.clone() for m in maps]
    step = 1e-6
    # a whole map that rises by `step` raises L_M by step (1 + alpha M's mean), or (1 + alpha) by area
    moved_w[0] += step
    rise = (bound(objective)(of_maps(*moved_w, weight)) - bound(objective)(of_maps(*maps, weight))) / step
    share = bound(objective).weigh(objectives.reduced(torch.ones(4, 3, 3), weight), weight.mean((1, 2)))
    torch.testing.assert_close(winner * share, rise, rtol=1e-4, atol=1e-4)
    assert bool((loser <= 0).all()) or objective not in ("dpo", "local_dpo", "one_sided")


def test_thrifty_is_the_joint_gradient_on_average(flux: Path, cached: latents.CachedPairs) -> None:
    """Over every lot that can fall: what is kept counts 1 / p times and is kept with probability p."""
    learner = moved(flux, "asap")
    micro = micro_of(learner, cached, 1)
    wanted = [g.clone() for g in gradients(learner, joint, [micro])]
    errors = joint(learner, micro)[0]
    start = gradient.pull(learner.objective, gradient.unmoved(errors))
    chance = float((gradient.pull(learner.objective, errors) / start).clamp(Thrifty.LEAST, 1))
    assert 0.1 <= chance <= 1
    for lot, kept in ((chance - 1e-3, True), (chance + 1e-3, False)):
        way = Thrifty(0)
        way._lot = lambda shown, lot=lot: torch.tensor([lot])  # type: ignore[method-assign]
        found = gradients(learner, way, [micro])
        for a, b in zip(found, wanted):
            torch.testing.assert_close(a * chance, b if kept else torch.zeros_like(b))


@pytest.mark.parametrize(
    ("of_winner", "of_loser", "own", "common", "share"),
    [
        (
            1.0,
            -1.0,
            2.0,
            4.0,
            0.5,
        ),  # the loser's part would raise the winner by 4, its own lowers it by 2
        (1.0, -1.0, 2.0, 1.0, 1.0),  # it lowers it all the same
        (1.0, -1.0, 2.0, -4.0, 1.0),  # both pull one way
        (-1.0, 1.0, 2.0, -4.0, 1.0),  # beyond the margin
        (0.0, -1.0, 2.0, 4.0, 1.0),  # a winner that the loss does not look at
    ],
)
def test_the_loser_s_share_keeps_the_winner_from_rising(
    of_winner: float, of_loser: float, own: float, common: float, share: float
) -> None:
    found = gradient.winner_safe(*(torch.tensor([x]) for x in (of_winner, of_loser, own, common)))
    assert found.tolist() == [share]


@pytest.mark.parametrize("objective", ["asap", "dpo", "area"])
def test_a_guarded_step_does_not_raise_the_winner_s_error(
    flux: Path, cached: latents.CachedPairs, objective: str
) -> None:
    """Along its gradient the winner's L_M does not rise to first order, where along the plain one it does."""
    shares = []
    for seed in range(4):
        learner = moved(flux, objective, seed=seed)
        micro = micro_of(learner, cached, seed)
        ref = forward.reference_errors(learner.backbone, micro.batch, micro.t, micro.eps)
        micro = micro._replace(reference=ref, weights=torch.ones(1))
        share = guarded(learner, micro)[1]
        shares.append(share.item())
        plain, safe = (gradients(learner, way, [micro]) for way in (split, guarded))
        slopes = [slope_of_winner(learner, micro, g) for g in (plain, safe)]
        size = max(abs(slope) for slope in slopes) + 1e-12
        if share < 1:
            assert slopes[0] > 0 and abs(slopes[1]) <= 1e-3 * size
        else:
            assert slopes[0] == pytest.approx(slopes[1], rel=1e-3)
    assert all(0 < share <= 1 for share in shares) and min(shares) < 1


def slope_of_winner(learner: Learner, micro: Micro, step: list[Tensor]) -> float:
    """By how much the winner's L_M changes, to first order, in a descent along `step`."""
    from asap.align.forward import error

    found = error(learner.backbone, micro.batch, micro.batch.winner, micro.t, micro.eps)
    loss = learner.objective.weigh(found, micro.batch.weight.mean((1, 2))).sum()
    own = torch.autograd.grad(loss, learner.parameters)
    return -sum(float((a * b).sum()) for a, b in zip(own, step))


def test_a_guarded_run_logs_the_share_and_resumes(flux: Path, pairs: Path, tmp_path: Path) -> None:
    whole = train.run(settings(flux, pairs, tmp_path / "whole", guard_winner=True))
    shares = [row["learned"] for row in read_rows(whole / loop.LOG)]
    assert all(0 <= share <= 1 for share in shares)
    parts = settings(flux, pairs, tmp_path / "parts", guard_winner=True, steps=3)
    train.run(parts)
    train.run(replace(parts, steps=6))
    assert (whole / WEIGHTS).read_bytes() == (parts.out / WEIGHTS).read_bytes()


def test_lots_are_even_and_belong_to_the_pair_and_its_turn() -> None:
    way = Thrifty(0)
    lots = way._lot([Shown(pair, turn) for pair in range(100) for turn in range(20)])
    assert lots.mean().item() == pytest.approx(0.5, abs=0.02) and lots.min() >= 0 and lots.max() < 1
    assert torch.equal(way._lot([Shown(3, 4)]), lots[3 * 20 + 4].reshape(1))
    assert not torch.equal(Thrifty(1)._lot([Shown(3, 4)]), lots[3 * 20 + 4].reshape(1))


def test_a_pair_beyond_a_one_sided_margin_takes_no_part() -> None:
    ones, none = torch.ones(2, 2, 2), torch.zeros(2, 2, 2)
    errors = of_maps(ones - torch.tensor([0.5, 0.0]).reshape(2, 1, 1), ones, ones, ones, none)
    assert gradient.pull(bound("one_sided"), errors).tolist() == pytest.approx([0.0, 4 * 0.05])


settings = partial(tiny_run, steps=6)


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_a_run_in_split_passes_ends_as_a_joint_one(
    family: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path
) -> None:
    model: Path = request.getfixturevalue(family)
    plain = settings(model, pairs, tmp_path / "whole", learning_rate=1e-3)
    whole = train.run(plain)
    parts = train.run(replace(plain, out=tmp_path / "parts", backward="split", gradient_checkpointing=True))
    for name, tensor in load_file(whole / WEIGHTS).items():
        torch.testing.assert_close(load_file(parts / WEIGHTS)[name], tensor, rtol=1e-3, atol=2e-4)


def test_settled_pairs_are_skipped_and_the_log_says_so(flux: Path, pairs: Path, tmp_path: Path) -> None:
    out = train.run(settings(flux, pairs, tmp_path / "run", steps=30, skip_settled=True, batch_size=4))
    learned = [row["learned"] for row in read_rows(out / loop.LOG)]
    assert learned[0] == 1.0 and sum(learned[20:]) / 10 < 0.9
    again = settings(flux, pairs, tmp_path / "again", steps=25, skip_settled=True, batch_size=4)
    train.run(again)
    train.run(replace(again, steps=30))
    assert (out / WEIGHTS).read_bytes() == (again.out / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"objective": "sft"}, "learns from one"),
        ({"backward": "split"}, "use one of them"),
        ({"guard_winner": True}, "exclude each other"),
    ],
)
def test_what_cannot_be_skipped(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        train.run(settings(tmp_path / "m", tmp_path / "d", tmp_path / "run", skip_settled=True, **change))


def test_detached_errors_carry_no_graph(flux: Path, cached: latents.CachedPairs) -> None:
    learner = moved(flux, "asap")
    errors: PairErrors = joint(learner, micro_of(learner, cached, 0))[0]
    assert not any(number.requires_grad for member in errors[:4] for number in member)
