"""The person's place in a picture, read from the picture alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from asap.figures.people import scenes, world
from asap.figures.people.parts import person_mask
from asap.figures.people.render import render_people


@pytest.mark.parametrize("look", [0.0, 1.0])
def test_the_mask_holds_the_person_and_little_else(look: float) -> None:
    figures = scenes.figures([world.scene(seed) for seed in range(28)])
    images, labels = render_people(figures, 64, look=look, seeds=range(28))
    beyond = []
    for image, label in zip(images, labels, strict=True):
        found, person = person_mask(image, {}), label > 0
        assert found[person].mean() > 0.96
        far = cv2.dilate(person.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
        beyond += [found[far].mean()] if far.any() else []
    assert max(beyond) < 0.15 and np.mean(beyond) < 0.03  # shadows on the ground


def test_a_bare_wall_has_nobody() -> None:
    wall = np.full((64, 64, 3), (176, 182, 190), np.uint8)
    assert not person_mask(wall, {}).any()
