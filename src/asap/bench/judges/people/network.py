"""The judge `network-people`: a small convolutional network that was shown drawn people, right and faulty.

Its weights lie in this folder; `benchmarks/network_people_judge.py` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.drawn import Drawn, verdict
from asap.bench.judges.learned import Opinion, as_input, opinions, threshold_of, with_weights
from asap.bench.judges.people.library import KINDS, told
from asap.bench.judges.people.pictures import SIZE, scene_of
from asap.figures.people.world import MiniScene
from asap.records import Judgement, Sample
from asap.store import file_id

WEIGHTS = Path(__file__).parent / "network.safetensors"
MAKER = "benchmarks/network_people_judge.py"


class NetworkPeople:
    """The `Judge` of drawn people (64 x 64) that has learned; see benchmarks/network_people_judge.md."""

    name = "network-people"

    @property
    def settings(self) -> dict[str, object]:
        return {"threshold": threshold(), "weights": file_id(WEIGHTS)}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """See `Judge`.

        Raises:
            UserError: samples that are not of the small world of people.
        """
        yield from Drawn(SIZE, scene_of, _judged).judge(images, samples)


def _judged(
    samples: Sequence[Sample], pictures: NDArray[np.uint8], scenes: Sequence[MiniScene]
) -> Iterator[Judgement]:
    limit = threshold()
    for sample, opinion in zip(samples, examine(pictures, scenes), strict=True):
        yield verdict(sample, opinion.kind, opinion.probability, limit)


def examine(pictures: NDArray[np.uint8], scenes: Sequence[MiniScene]) -> list[Opinion]:
    """An opinion on each of `pictures` (N, 64, 64, 3), of `scenes` whose side may be either."""
    import torch

    numbers = torch.tensor([told(scene) for scene in scenes])
    with torch.no_grad():
        wrong, kinds, _ = load()(as_input(pictures), numbers)
    return opinions(wrong, kinds, KINDS)


@cache
def load() -> Any:
    """The network with its weights, ready to judge."""
    from asap.bench.judges.people.network_model import Model

    return with_weights(Model(), WEIGHTS, MAKER)


@cache
def threshold() -> float:
    """The probability above which the judge calls a picture wrong; chosen with the weights."""
    return threshold_of(WEIGHTS, MAKER)
