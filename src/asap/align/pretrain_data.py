"""What `asap pretrain` learns from: captions with a correct and a faulty picture each, drawn or read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asap import store
from asap.align import dataset, latents
from asap.backbones import schedule
from asap.backbones.mini import HANDS, words_of
from asap.errors import UserError
from asap.figures import hands, scenes


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """N captions and their pictures.

    Attributes:
        captions: N of them.
        pictures: (N, 2, 3, H, W) uint8; the correct and the faulty one of each.
        words: the vocabulary of the captions.
        mirrored: whether pictures are also shown as in a mirror, of which the captions stay true.
    """

    captions: Sequence[str]
    pictures: Tensor
    words: tuple[str, ...]
    mirrored: bool = False

    def batch(
        self, count: int, share: float, generator: torch.Generator
    ) -> tuple[list[str], Tensor, Tensor, Tensor]:
        """`count` captions, clean pictures in [-1, 1] of which `share` are faulty, noise, and times."""
        which = torch.randint(len(self.captions), (count,), generator=generator)
        faulty = (torch.rand(count, generator=generator) < share).long()
        z = self.pictures[which, faulty].float() / 127.5 - 1
        if self.mirrored:
            turn = torch.rand(count, generator=generator) < 0.5
            z[turn] = z[turn].flip(-1)
        eps = torch.randn(z.shape, generator=generator)
        times = schedule.logit_normal_times(count, generator)
        return [self.captions[int(i)] for i in which], z, eps, times


def draw_hands(count: int, seed: int) -> TrainingSet:
    """`count` random hands of 24 pixels."""
    drawn = [scenes.scene(store.seed_of(seed, "pretrain", i)) for i in range(count)]
    errors = []
    for i, scene in enumerate(drawn):
        possible = hands.possible_errors(scene.gesture)
        errors.append(possible[store.seed_of(seed, "error", i) % len(possible)])
    seeds = [store.seed_of(seed, "pose", i) for i in range(count)]
    drawing = scenes.draw(drawn, errors, seeds, size=HANDS.size)
    both = np.stack([drawing.correct, drawing.faulty], axis=1)
    captions = [scene.caption for scene in drawn]
    return TrainingSet(captions, torch.from_numpy(both).permute(0, 1, 4, 2, 3), scenes.vocabulary())


def read(data: Path, size: int) -> TrainingSet:
    """The pairs of the HAP dataset `data`, whose pictures must have `size` pixels a side.

    Raises:
        UserError: no dataset there, or pictures of another size.
    """
    rows = list(dataset.opened(str(data), masks=False).select_columns(["prompt", "chosen", "rejected"]))
    pictures = [np.stack([_pixels(row[name], size, data) for name in ("chosen", "rejected")]) for row in rows]
    captions = [row["prompt"] for row in rows]
    words = tuple(sorted({word for caption in captions for word in words_of(caption)}))
    return TrainingSet(captions, torch.from_numpy(np.stack(pictures)).permute(0, 1, 4, 2, 3), words, True)


def _pixels(picture: Any, size: int, data: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = latents.decoded(picture, "RGB")
    if pixels.shape[:2] != (size, size):
        height, width = pixels.shape[:2]
        raise UserError(
            f"{data} holds pictures of {width} x {height} pixels; this model is made from {size} x {size}: "
            f"draw them with `asap figures --size {size}`"
        )
    return pixels
