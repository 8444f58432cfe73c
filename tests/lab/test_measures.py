"""Style leak and Frechet distance on hands whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from asap.figures import scenes
from asap.figures.photographic import photographic
from asap.lab import measures
from asap.lab.worlds import WORLDS
from asap.store import seed_of

DRAWN = [scenes.scene(seed_of("test measures", i)) for i in range(200)]
FACTS = [vars(scene) for scene in DRAWN]
PLAIN = WORLDS["hands"].correct(FACTS, "test", None)
SEEDS = np.arange(len(DRAWN))


@pytest.mark.parametrize("dose", [0.0, 0.5, 1.0])
def test_the_leak_is_the_dose_of_the_look(dose: float) -> None:
    styled = photographic(PLAIN, dose, SEEDS)
    assert measures.leak(PLAIN, styled, FACTS, "hands") == pytest.approx(dose, abs=0.12)


def test_other_anatomy_is_no_leak() -> None:
    broken = ["missing finger"] * len(DRAWN)
    faulty = scenes.draw(DRAWN, broken, [seed_of("test", i) for i in range(len(DRAWN))], size=24).faulty
    assert abs(measures.leak(PLAIN, faulty, FACTS, "hands")) < 0.03


def test_frechet_is_the_closed_form_of_two_gaussians() -> None:
    reference = measures.truth("hands")
    places = reference.project(PLAIN)
    own = np.cov(places.T)
    root = sqrtm(own @ reference.covariance)
    mean = places.mean(axis=0)
    expected = mean @ mean + np.trace(own + reference.covariance - 2 * np.real(root))
    assert measures.frechet(PLAIN, "hands") == pytest.approx(expected, rel=1e-6)


def test_frechet_grows_with_what_is_wrong() -> None:
    right = measures.frechet(PLAIN, "hands")
    styled = measures.frechet(photographic(PLAIN, 1.0, SEEDS), "hands")
    faded = measures.frechet(np.asarray(PLAIN * 0.5, np.uint8), "hands")
    assert 0 < right < styled < faded
