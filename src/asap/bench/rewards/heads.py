"""The head that LAION's aesthetic predictor and ImageReward share: five linear layers, nothing between."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from asap.bench.rewards.weights import State, part

WIDTHS = (1024, 128, 64, 16, 1)
PLACES = (0, 2, 4, 6, 7)
"""Where the linear layers stand among those of dropout, which do nothing here."""


def head(width: int) -> nn.Module:
    """The head on features of `width` numbers."""
    layers: list[nn.Module] = [nn.Identity() for _ in range(PLACES[-1] + 1)]
    for place, before, after in zip(PLACES, (width, *WIDTHS), WIDTHS):
        layers[place] = nn.Linear(before, after)
    return nn.Sequential(*layers)


def head_state(state: Mapping[str, Tensor], start: str = "layers.") -> State:
    """The head's entries among `state`."""
    return part(state, start)
