"""HPSv2.1: cosine of a preference-trained CLIP ViT-H; mostly 0.2 to 0.35.

Wu et al., "Human Preference Score v2", 2023; the weights called v2.1. Unlike CLIP's, its images are not
cropped: the longer side is made 224 and black put around.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import torch

from asap.bench.rewards import weights
from asap.bench.rewards.clip import Clip
from asap.bench.rewards.pickscore import BASE
from asap.bench.rewards.pictures import padded
from asap.bench.rewards.reward import Setup
from asap.errors import UserError
from asap.records import Image


class HPSv2:
    """cos(image, text); see `reward.Reward`."""

    name = "hpsv2"
    reads_text = True

    def __init__(self, setup: Setup) -> None:
        if not setup.model:
            raise UserError(
                "the reward `hpsv2` needs --model FILE: HPS_v2.1_compressed.pt of the hub's xswu/HPSv2, "
                "converted to .safetensors as docs/rewards.md shows"
            )
        found = weights.read(setup.model)
        self._clip = Clip(found, setup.base or BASE, setup.device, setup.dtype, "HPSv2")
        self.settings: dict[str, object] = {"weights": found.id, "dtype": setup.dtype}

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """Texts are freed of HTML's escapes, as open_clip's tokenizer does it."""
        pixels = torch.stack([padded(image, self._clip.side) for image in images])
        plain = [html.unescape(html.unescape(text)).strip() for text in texts]
        return [float(value) for value in self._clip.cosines(pixels, plain)]
