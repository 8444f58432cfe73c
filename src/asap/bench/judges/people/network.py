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
from asap.bench.judges.hands.network import THRESHOLD, Opinion, as_input
from asap.bench.judges.people.library import KINDS, told
from asap.bench.judges.people.pictures import SIZE, scene_of
from asap.errors import UserError
from asap.figures.people.world import MiniScene
from asap.records import Judgement, Sample
from asap.store import file_id

WEIGHTS = Path(__file__).parent / "network.safetensors"


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
    chances, best = wrong.sigmoid().tolist(), kinds.argmax(dim=1).tolist()
    return [Opinion(chance, KINDS[kind]) for chance, kind in zip(chances, best, strict=True)]


@cache
def load() -> Any:
    """The network with its weights, ready to judge."""
    from safetensors.torch import load_file

    from asap.bench.judges.people.network_model import Model

    _check_there()
    model = Model()
    model.load_state_dict(load_file(WEIGHTS))
    return model.eval()


@cache
def threshold() -> float:
    """The probability above which the judge calls a picture wrong; chosen with the weights."""
    from safetensors import safe_open

    _check_there()
    with safe_open(WEIGHTS, framework="numpy") as file:
        return float(file.metadata()[THRESHOLD])


def _check_there() -> None:
    if not WEIGHTS.is_file():
        raise UserError(
            f"{WEIGHTS} is missing; install asap again, or run benchmarks/network_people_judge.py"
        )
