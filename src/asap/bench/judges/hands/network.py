"""The judge `network`: a small convolutional network that was shown drawn hands with and without faults.

Its weights lie in this folder; `benchmarks/network_judge.py` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.drawn import Drawn, verdict
from asap.bench.judges.hands.faults import KINDS
from asap.bench.judges.hands.pictures import SIZE, gesture_of
from asap.errors import UserError
from asap.figures.hands import GESTURES
from asap.records import Judgement, Sample
from asap.store import file_id

WEIGHTS = Path(__file__).parent / "network.safetensors"
THRESHOLD = "threshold"  # the file's metadata under this name: probability from which on a hand is wrong


class Opinion(NamedTuple):
    """`probability` of an error, in [0, 1], and the kind of error that it would be."""

    probability: float
    kind: str


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
    chances, best = wrong.sigmoid().tolist(), kinds.argmax(dim=1).tolist()
    return [Opinion(chance, KINDS[kind]) for chance, kind in zip(chances, best, strict=True)]


def as_input(pictures: NDArray[np.uint8]) -> Any:
    """`pictures` (N, 24, 24, 3) as the network takes them: (N, 3, 24, 24) in [-1, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


@cache
def load() -> Any:
    """The network with its weights, ready to judge."""
    from safetensors.torch import load_file

    from asap.bench.judges.hands.network_model import Model

    _check_there()
    model = Model()
    model.load_state_dict(load_file(WEIGHTS))
    return model.eval()


@cache
def threshold() -> float:
    """The probability above which the judge calls a hand wrong; chosen with the weights."""
    from safetensors import safe_open

    _check_there()
    with safe_open(WEIGHTS, framework="numpy") as file:
        return float(file.metadata()[THRESHOLD])


def _check_there() -> None:
    if not WEIGHTS.is_file():
        raise UserError(f"{WEIGHTS} is missing; install asap again, or run benchmarks/network_judge.py")
