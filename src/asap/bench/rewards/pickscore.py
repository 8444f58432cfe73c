"""PickScore: cosine of a preference-trained CLIP ViT-H, times its scale; mostly 18 to 24.

Kirstain et al., "Pick-a-Pic: An Open Dataset of User Preferences for Text-to-Image Generation", 2023.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from asap.bench.rewards import weights
from asap.bench.rewards.clip import Clip
from asap.bench.rewards.pictures import cropped, halved
from asap.bench.rewards.reward import Setup
from asap.records import Image

MODEL, BASE = "yuvalkirstain/PickScore_v1", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"


class PickScore:
    """exp(logit_scale) * cos(image, text); see `reward.Reward`."""

    name = "pickscore"
    reads_text = True

    def __init__(self, setup: Setup) -> None:
        found = weights.read(setup.model or MODEL)
        self._clip = Clip(found, setup.base or BASE, setup.device, setup.dtype, "PickScore")
        self.settings: dict[str, object] = {"weights": found.id, "dtype": setup.dtype}

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """As its processor prepares images: the shorter side to 224, the centre of it."""
        pixels = torch.stack([cropped(image, self._clip.side, halved) for image in images])
        return [float(value) for value in self._clip.scale * self._clip.cosines(pixels, texts)]
