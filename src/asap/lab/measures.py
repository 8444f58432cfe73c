"""What is measured of images of hands besides their error rate: style, and distance from correct ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.figures import scenes
from asap.figures.photographic import photographic
from asap.store import seed_of

SIZE = 24
COMPONENTS = 32
REFERENCES = 2000
LIGHTS = 8

Values = NDArray[np.float64]


def leak(base: NDArray[np.uint8], images: NDArray[np.uint8], facts: Sequence[Mapping[str, Any]]) -> float:
    """How far the images went from the base's towards the photographic look: 0 not at all, 1 all the way.

    The share of each scene's own change of look, noise and the light's direction averaged out, in the change
    of its image: sum <x_i - b_i, d_i> / sum <d_i, d_i>.

    Args:
        base, images: (N, 24, 24, 3) of the same prompts and noise.
        facts: of the prompts, which give the scenes.
    """
    change = images.astype(np.float64) - base
    looks = _look_changes(facts)
    return float((change * looks).sum() / (looks * looks).sum())


def _look_changes(facts: Sequence[Mapping[str, Any]]) -> Values:
    """(N, 24, 24, 3): what the full look adds to a correct hand of each scene, the mean of several lights."""
    plain = correct([scenes.scene_of(fact) for fact in facts], "look")
    styled = [
        photographic(plain, 1.0, np.asarray([seed_of("light", light, i) % 2**62 for i in range(len(plain))]))
        for light in range(LIGHTS)
    ]
    return np.asarray(np.mean(styled, axis=0) - plain, np.float64)


def correct(drawn: Sequence[scenes.Scene], name: str) -> NDArray[np.uint8]:
    """(N, 24, 24, 3): a correct hand of each scene, in a pose by `name` and number."""
    seeds = [seed_of(name, i) for i in range(len(drawn))]
    return scenes.draw(drawn, [None] * len(drawn), seeds, size=SIZE).correct


@dataclass(frozen=True, eq=False)
class Truth:
    """Correct hands in the model's own look: their mean, main axes (P, K) and covariance on those (K, K)."""

    mean: Values
    axes: Values
    covariance: Values

    def project(self, images: NDArray[np.uint8]) -> Values:
        """(N, K) places of images on the axes."""
        flat = images.reshape(len(images), -1).astype(np.float64) / 255
        return np.asarray((flat - self.mean) @ self.axes)


@cache
def truth() -> Truth:
    """Of 2,000 random scenes; the axes are their 32 principal components."""
    drawn = [scenes.scene(seed_of("truth", i)) for i in range(REFERENCES)]
    flat = correct(drawn, "truth pose").reshape(REFERENCES, -1).astype(np.float64) / 255
    mean = flat.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((flat - mean).T))
    axes = vectors[:, ::-1][:, :COMPONENTS]
    return Truth(mean, axes, np.diag(values[::-1][:COMPONENTS]))


def frechet(images: NDArray[np.uint8]) -> float:
    """Frechet distance between `images` and correct hands, each as a Gaussian on 32 principal components:

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))        (Dowson and Landau 1982)

    In units of squared pixel values of full range 1. It is biased upwards for few images, equally for equal
    numbers of them.
    """
    reference = truth()
    places = reference.project(images)
    own = np.cov(places.T)
    # the product of two positive semidefinite matrices has real eigenvalues of at least 0
    roots = np.sqrt(np.clip(np.linalg.eigvals(own @ reference.covariance).real, 0, None))
    mean = places.mean(axis=0)
    return float(mean @ mean + np.trace(own) + np.trace(reference.covariance) - 2 * roots.sum())
