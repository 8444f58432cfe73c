"""How far apart the reference's own errors on winners and losers lie: the scale for tau and beta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from asap import store
from asap.align import latents
from asap.align.calibration import by_alpha, reference_gaps
from asap.align.cut import Cut
from asap.align.draws import Shown
from asap.backbones import load


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
    draws = [Shown(place % len(pairs), place // batch_size) for place in range(batches * batch_size)]
    gaps = reference_gaps(backbone, pairs, draws, size=batch_size, seed=0)
    return {alpha: scale.deviation for alpha, scale in by_alpha(gaps, alphas).items()}
