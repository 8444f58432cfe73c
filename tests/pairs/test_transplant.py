"""Pieces laid elsewhere: lit as their surroundings; erased parts leave no trace."""

from __future__ import annotations

import numpy as np

from asap.pairs.edits.transplant import Copy, erase, membrane, transplant
from asap.pairs.edits.warp import Bump


def test_a_membrane_joins_its_rim_without_bumps() -> None:
    ramp = np.repeat(np.linspace(0, 90, 40, dtype=np.float32)[None, :, None], 30, axis=0)
    known = np.ones((30, 40), bool)
    known[8:22, 10:30] = False
    torn = np.where(known[..., None], ramp, 200.0).astype(np.float32)
    assert np.abs(membrane(torn, known) - ramp).max() < 4


def test_a_transplant_is_lit_as_its_surroundings_and_erasing_leaves_them() -> None:
    image = np.full((80, 160, 3), 60, np.uint8)
    image[:, 80:] = 160
    image[36:44, 36:44] = 30  # a dark spot on the dark side
    spot = Copy(np.array([40.0, 40.0]), np.array([120.0, 40.0]), (16.0, 16.0))
    edited = transplant(image, spot)
    assert abs(int(edited[40, 120, 0]) - 130) < 6 and abs(int(edited[40, 110, 0]) - 160) < 4
    clean = erase(image, Bump(spot.source, (16.0, 16.0), 0.0, 0.7), 0.0, 0)
    assert np.abs(clean[30:50, 30:50].astype(int) - 60).max() < 3
