"""What is measured of images besides their error rate: style, and distance from correct ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.lab.worlds import WORLDS

COMPONENTS = 32

Values = NDArray[np.float64]


def leak(
    base: NDArray[np.uint8], images: NDArray[np.uint8], facts: Sequence[Mapping[str, Any]], world: str
) -> float:
    """How far the images went from the base's towards the photographic look: 0 not at all, 1 all the way.

    The share of each scene's own change of look, noise and the light's direction averaged out, in the change
    of its image: sum <x_i - b_i, d_i> / sum <d_i, d_i>.

    Args:
        base, images: (N, S, S, 3) of the same prompts and noise.
        facts: of the prompts, which give the scenes.
        world: one of `WORLDS`.
    """
    change = images.astype(np.float64) - base
    looks = _look_changes(world, tuple(tuple(sorted(fact.items())) for fact in facts))
    return float((change * looks).sum() / (looks * looks).sum())


@cache
def _look_changes(world: str, facts: tuple[tuple[tuple[str, Any], ...], ...]) -> Values:
    """(N, S, S, 3): what the full look adds to a correct figure of each scene, the mean of several lights."""
    drawn, own = [dict(fact) for fact in facts], WORLDS[world]
    plain = own.correct(drawn, "look", None)
    styled = [own.correct(drawn, "look", light) for light in range(own.lights)]
    return np.asarray(np.mean(styled, axis=0) - plain, np.float64)


@dataclass(frozen=True, eq=False)
class Truth:
    """Correct figures in the model's own look: mean (P,), main axes (P, K) and covariance on those (K, K)."""

    mean: Values
    axes: Values
    covariance: Values

    def project(self, images: NDArray[np.uint8]) -> Values:
        """(N, K) places of images on the axes."""
        flat = images.reshape(len(images), -1).astype(np.float64) / 255
        return np.asarray((flat - self.mean) @ self.axes)


@cache
def truth(world: str) -> Truth:
    """Of as many random scenes as the world wants; the axes are their 32 principal components."""
    own = WORLDS[world]
    images = own.correct([own.random(number) for number in range(own.references)], "truth pose", None)
    flat = images.reshape(len(images), -1).astype(np.float64) / 255
    mean = flat.mean(axis=0)
    _, values, axes = np.linalg.svd(flat - mean, full_matrices=False)
    return Truth(mean, axes[:COMPONENTS].T, np.diag(values[:COMPONENTS] ** 2 / (len(flat) - 1)))


def frechet(images: NDArray[np.uint8], world: str) -> float:
    """Frechet distance between `images` and correct figures, each as a Gaussian on 32 principal components:

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))        (Dowson and Landau 1982)

    In units of squared pixel values of full range 1. It is biased upwards for few images, equally for equal
    numbers of them.
    """
    reference = truth(world)
    places = reference.project(images)
    own = np.cov(places.T)
    # the product of two positive semidefinite matrices has real eigenvalues of at least 0
    roots = np.sqrt(np.clip(np.linalg.eigvals(own @ reference.covariance).real, 0, None))
    mean = places.mean(axis=0)
    return float(mean @ mean + np.trace(own) + np.trace(reference.covariance) - 2 * roots.sum())
