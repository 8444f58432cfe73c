"""Squared errors of pairs: from error maps to the few numbers that objectives need. Needs torch alone.

L_M is linear in alpha, so mean(e) and mean(M e) are all that is ever needed of an error map, whatever alpha:
two numbers of each member (`Errors`), and mean(M).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Errors(NamedTuple):
    """A denoiser's squared errors on one member of each pair: mean(e) and mean(M e), both (B,)."""

    whole: Tensor
    region: Tensor


class PairErrors(NamedTuple):
    """Errors on winner (`_w`) and loser (`_l`) at the same time and noise; `area` is mean(M), (B,)."""

    policy_w: Errors
    policy_l: Errors
    ref_w: Errors
    ref_l: Errors
    area: Tensor


def reduced(error: Tensor, weight: Tensor) -> Errors:
    """mean(e) and mean(M e) of an error map e (B, h, w) and the region's weight M (B, h, w) in [0, 1]."""
    return Errors(error.mean(dim=(1, 2)), (weight * error).mean(dim=(1, 2)))


def of_maps(policy_w: Tensor, policy_l: Tensor, ref_w: Tensor, ref_l: Tensor, weight: Tensor) -> PairErrors:
    """The errors of pairs from error maps, each (B, h, w) like `weight`, the region's M in [0, 1].

    Raises:
        ValueError: other shapes, negative errors, or a region beyond [0, 1], as a mask of 255s has.
    """
    _check((policy_w, policy_l, ref_w, ref_l), weight)
    members = [reduced(error, weight) for error in (policy_w, policy_l, ref_w, ref_l)]
    return of_members(members, weight.mean(dim=(1, 2)))


def _check(maps: Sequence[Tensor], weight: Tensor) -> None:
    """What is easily mistaken: channels that were not averaged, differences that were not squared, masks of
    255s. Values are looked at on the maps' device, for one answer."""
    shapes = [tuple(one.shape) for one in (*maps, weight)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 3:
        raise ValueError(
            f"error maps and region are to be (B, h, w) alike, not {', '.join(map(str, shapes))}"
        )
    wrong = torch.stack(
        [(weight < 0).any() | (weight > 1).any(), *((one < 0).any() for one in maps)]
    ).tolist()
    if wrong[0]:
        raise ValueError("the region has values beyond [0, 1]; divide a mask of 255s by 255")
    if any(wrong):
        raise ValueError("errors are negative; give squared differences, averaged over channels")


def of_members(members: Sequence[Errors], area: Tensor) -> PairErrors:
    """The errors of pairs from those of their members, in the order of `PairErrors`."""
    policy_w, policy_l, ref_w, ref_l = members
    return PairErrors(policy_w, policy_l, ref_w, ref_l, area)
