"""What the judges that have learned share: their weights' file, their input, their opinions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.errors import UserError

THRESHOLD = "threshold"  # the file's metadata under this name: probability from which on a picture is wrong


class Opinion(NamedTuple):
    """`probability` of an error, in [0, 1], and the kind of error that it would be."""

    probability: float
    kind: str


def opinions(wrong: Any, kinds: Any, names: Sequence[str]) -> list[Opinion]:
    """From logits of an error (N,) and of its kind (N, len(names))."""
    chances, best = wrong.sigmoid().tolist(), kinds.argmax(dim=1).tolist()
    return [Opinion(chance, names[kind]) for chance, kind in zip(chances, best, strict=True)]


def as_input(pictures: NDArray[np.uint8]) -> Any:
    """`pictures` (N, S, S, 3) as the networks take them: (N, 3, S, S) in [-1, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def with_weights(model: Any, weights: Path, maker: str) -> Any:
    """`model` with its weights, ready to judge; `maker` is the script that makes them.

    Raises:
        UserError: no such file.
    """
    from safetensors.torch import load_file

    _check_there(weights, maker)
    model.load_state_dict(load_file(weights))
    return model.eval()


def threshold_of(weights: Path, maker: str) -> float:
    """The threshold that was chosen with the weights.

    Raises:
        UserError: no such file.
    """
    from safetensors import safe_open

    _check_there(weights, maker)
    with safe_open(weights, framework="numpy") as file:
        return float(file.metadata()[THRESHOLD])


def _check_there(weights: Path, maker: str) -> None:
    if not weights.is_file():
        raise UserError(f"{weights} is missing; install asap again, or run {maker}")
