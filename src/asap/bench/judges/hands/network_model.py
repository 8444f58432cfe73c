"""The network of the judge `network`: a picture and the gesture asked for -> is it wrong, and how."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asap.bench.judges.hands.faults import KINDS
from asap.figures.hands import GESTURES

WIDTHS = (16, 48, 96)
MAPS = 3  # learned pictures of each gesture, shown to the network beside the one to judge


class Model(nn.Module):
    """Convolutions at 24, 12 and 6 pixels, told of the gesture at each size; some 200,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.asked = nn.Parameter(torch.randn(len(GESTURES), MAPS, 24, 24) * 0.1)
        self.blocks = nn.ModuleList(
            [
                Block(3 + MAPS, first, 3, 1),
                Block(first, second, 4, 2),
                Block(second, second, 3, 1),
                Block(second, third, 4, 2),
                Block(third, third, 3, 1),
            ]
        )
        self.head = nn.Linear(2 * third, 1 + len(KINDS))

    def forward(self, pictures: Tensor, gestures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of an error (N,) and of its kind (N, len(KINDS)).

        Args:
            pictures: (N, 3, 24, 24) in [-1, 1].
            gestures: (N,) places in `GESTURES`.
        """
        features = torch.cat([pictures, self.asked[gestures]], dim=1)
        for block in self.blocks:
            features = block(features, gestures)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.head(pooled)
        return logits[:, 0], logits[:, 1:]


class Block(nn.Module):
    """Convolution, normalisation, a shift for each gesture, SiLU; with the input added where it fits."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shift = nn.Embedding(len(GESTURES), outputs)
        self.alike = inputs == outputs and stride == 1
        nn.init.zeros_(self.shift.weight)

    def forward(self, features: Tensor, gestures: Tensor) -> Tensor:
        """(N, inputs, S, S) and (N,) -> (N, outputs, S / stride, S / stride)."""
        new = self.norm(self.convolution(features)) + self.shift(gestures)[:, :, None, None]
        new = nn.functional.silu(new)
        return features + new if self.alike else new
