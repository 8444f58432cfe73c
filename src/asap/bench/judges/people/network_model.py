"""The network of the judge `network-people`: a picture and its caption -> is it wrong, how, where."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asap.bench.judges.people.library import KINDS, SEEN
from asap.figures.people import world

WIDTHS = (24, 32, 64, 96)
MAPS = 8  # learned pictures of each pose, shown to the network beside the one to judge
TOLD = tuple(len(names) for names in (world.FRAMINGS, world.GENDERS, world.SKINS, world.BACKGROUNDS))


class Model(nn.Module):
    """Convolutions at 32, 16 and 8 pixels, told of the scene at each size; some 390,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        stem, first, second, third = WIDTHS
        self.asked = nn.Parameter(torch.randn(len(world.FRAMINGS), MAPS, 16, 16) * 0.1)
        self.stem = Block(3, stem, 4, 2)
        self.blocks = nn.ModuleList(
            [
                Block(stem + MAPS, first, 3, 1),
                Block(first, second, 4, 2),
                Block(second, second, 3, 1),
                Block(second, third, 4, 2),
                Block(third, third, 3, 1),
                Block(third, third, 3, 1),
            ]
        )
        self.where = nn.Conv2d(third, 1 + len(SEEN), 1)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(2 * third + 1, 1 + len(KINDS))

    def forward(self, pictures: Tensor, told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of an error (N,), of its kind (N, len(KINDS)), and for each tile (N, 1 + len(SEEN), 8, 8) of
        an error in it and of each part that ought to be seen there.

        Args:
            pictures: (N, 3, 64, 64) in [-1, 1].
            told: (N, 4) places of pose, gender, skin and background, as `library.told` has them.
        """
        asked = nn.functional.interpolate(self.asked[told[:, 0]], scale_factor=2)
        features = torch.cat([self.stem(pictures, told), asked], dim=1)
        for block in self.blocks:
            features = block(features, told)
        where = self.where(features)
        worst = where[:, 0].flatten(1).amax(dim=1, keepdim=True)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3)), worst], dim=1)
        logits: Tensor = self.head(self.drop(pooled))
        return logits[:, 0], logits[:, 1:], where


class Block(nn.Module):
    """Convolution, normalisation, a shift for what is told, SiLU; with the input added where it fits."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        shifts = [nn.Embedding(names, outputs) for names in TOLD]
        self.shifts = nn.ModuleList(shifts)
        self.alike = inputs == outputs and stride == 1
        for shift in shifts:
            nn.init.zeros_(shift.weight)

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        """(N, inputs, S, S) and (N, 4) -> (N, outputs, S / stride, S / stride)."""
        shift = sum(shift(told[:, i]) for i, shift in enumerate(self.shifts))
        new = nn.functional.silu(self.norm(self.convolution(features)) + shift[:, :, None, None])
        return features + new if self.alike else new
