"""How far apart the reference's own errors on winners and losers lie: the scale for tau and beta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from asap import store
from asap.align import latents
from asap.align.cut import Cut
from asap.align.draws import Shown, draw
from asap.align.forward import error
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
        pairs = latents.prepare(backbone, data, cache, Cut(backbone.native_size, 0))
    found: dict[float, list[torch.Tensor]] = {alpha: [] for alpha in alphas}
    for number in range(batches):
        numbers = [(number * batch_size + i) % len(pairs) for i in range(batch_size)]
        batch = pairs.batch(numbers)
        shown = [Shown(index, number) for index in numbers]
        t, eps = draw(backbone, batch.winner, 0, shown)
        winner, loser = (error(backbone, batch, z, t, eps) for z in (batch.winner, batch.loser))
        for alpha in alphas:
            found[alpha].append(loser.whole - winner.whole + alpha * (loser.region - winner.region))
    return {alpha: torch.cat(gaps).std().item() for alpha, gaps in found.items()}
