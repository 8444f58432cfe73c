"""How far apart the reference's own errors on winners and losers lie: the scale for tau and beta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from asap import store
from asap.align import latents, objectives
from asap.align.loop import draw
from asap.align.objectives import PairErrors
from asap.backbones import load


@torch.no_grad()
def spread(
    model: str, data: str, cache: Path, alphas: Sequence[float], *, batches: int = 40, batch_size: int = 16
) -> Mapping[float, float]:
    """alpha -> the standard deviation of L_M(x_l) - L_M(x_w) of the untrained `model`, over pairs and noise.

    Forward passes alone, the same ones for all `alphas`. The latents of `data` are cached in `cache`.

    Raises:
        UserError: a model or data that cannot work.
    """
    backbone = load.load(model)
    with store.exclusive(cache):
        pairs = latents.prepare(
            backbone, data, cache, resolution=backbone.native_size, mask_dilation=0, share=latents.Share(0, 1)
        )
    found: dict[float, list[torch.Tensor]] = {alpha: [] for alpha in alphas}
    for number in range(batches):
        numbers = [(number * batch_size + i) % len(pairs) for i in range(batch_size)]
        batch = pairs.batch(numbers)
        t, eps = draw(backbone, batch.winner, 0, number, 0)
        target_w, target_l = (backbone.target(z, eps, t) for z in (batch.winner, batch.loser))
        winner, loser = (backbone.predict(backbone.noise(z, eps, t), t, batch.condition) for z in batch[:2])
        errors = [(p - q).square().mean(dim=1) for p, q in ((winner, target_w), (loser, target_l))]
        zero = torch.zeros_like(errors[0])
        for alpha in alphas:
            # a policy without errors: what is left of delta is the reference's own gap
            own = PairErrors(zero, zero, errors[0], errors[1], batch.weight)
            found[alpha].append(-objectives.preference_gap(own, alpha))
    return {alpha: torch.cat(gaps).std().item() for alpha, gaps in found.items()}
