"""The judge `network`: a small convolutional network that was shown drawn hands with and without faults.

Its weights lie in this folder; `benchmarks/network_judge.py` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.drawn import Drawn, verdict
from asap.bench.judges.hands.faults import KINDS
from asap.bench.judges.hands.pictures import SIZE, gesture_of
from asap.bench.judges.learned import Opinion, as_input, opinions, threshold_of, with_weights
from asap.figures.hands import GESTURES
from asap.records import Judgement, Sample
from asap.store import file_id

WEIGHTS = Path(__file__).parent / "network.safetensors"
MAKER = "benchmarks/network_judge.py"


class Network:
    """The `Judge` of pictures of drawn hands (24 x 24) that has learned; see benchmarks/network_judge.md."""

    name = "network"

    @property
    def settings(self) -> dict[str, object]:
        return {"threshold": threshold(), "weights": file_id(WEIGHTS)}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """See `Judge`.

        Raises:
            UserError: samples that are not of drawn hands.
        """
        yield from Drawn(SIZE, gesture_of, _judged).judge(images, samples)


def _judged(
    samples: Sequence[Sample], pictures: NDArray[np.uint8], gestures: Sequence[str]
) -> Iterator[Judgement]:
    limit = threshold()
    for sample, opinion in zip(samples, examine(pictures, gestures), strict=True):
        yield verdict(sample, opinion.kind, opinion.probability, limit)


def examine(pictures: NDArray[np.uint8], gestures: Sequence[str]) -> list[Opinion]:
    """An opinion on each of `pictures` (N, 24, 24, 3), captioned with `gestures`."""
    import torch

    names = list(GESTURES)
    with torch.no_grad():
        numbers = torch.tensor([names.index(gesture) for gesture in gestures])
        wrong, kinds = load()(as_input(pictures), numbers)
    return opinions(wrong, kinds, KINDS)


@cache
def load() -> Any:
    """The network with its weights, ready to judge."""
    from asap.bench.judges.hands.network_model import Model

    return with_weights(Model(), WEIGHTS, MAKER)


@cache
def threshold() -> float:
    """The probability above which the judge calls a hand wrong; chosen with the weights."""
    return threshold_of(WEIGHTS, MAKER)
