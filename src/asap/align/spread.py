"""How far apart the reference's own errors on winners and losers lie: the scale for tau and beta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from asap import store
from asap.align import latents
from asap.align.objectives import region_error
from asap.align.step import draw
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
        for alpha in alphas:
            winner_error, loser_error = (region_error(e, batch.weight, alpha) for e in errors)
            found[alpha].append(loser_error - winner_error)
    return {alpha: torch.cat(gaps).std().item() for alpha, gaps in found.items()}
