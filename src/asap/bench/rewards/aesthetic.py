"""LAION's aesthetic predictor: the beauty of an image alone, on a scale of 1 to 10.

Schuhmann, "Improved Aesthetic Predictor" (sac+logos+ava1-l14-linearMSE), 2022: the normalised image embedding
of CLIP ViT-L/14 through five linear layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers
from torch.nn import functional

from asap.bench.rewards import weights
from asap.bench.rewards.clip import config_of
from asap.bench.rewards.heads import head, head_state
from asap.bench.rewards.pictures import cropped, rounded
from asap.bench.rewards.reward import Setup
from asap.bench.rewards.weights import Weights, below, filled, part
from asap.errors import UserError
from asap.records import Image

BASE = "openai/clip-vit-large-patch14"
FIRST = "layers.0.weight"
VISION = ("vision_model.", "visual_projection.")


class Aesthetic:
    """head(v / |v|) of CLIP's image embedding v; see `reward.Reward`.

    The weights are the head's alone, with CLIP in `Setup.base`, or both in one folder.
    """

    name = "aesthetic"
    reads_text = False

    def __init__(self, setup: Setup) -> None:
        if not setup.model:
            raise UserError(
                "the reward `aesthetic` needs --model FILE: the head sac+logos+ava1-l14-linearMSE.pth, "
                "converted to .safetensors as docs/rewards.md shows"
            )
        found = weights.read(setup.model)
        state = below(found, FIRST, "LAION's aesthetic predictor")
        whole = any(name.startswith(VISION) for name in state)
        vision = found if whole else weights.read(setup.base or BASE)
        self._vision, self._side = _tower(vision, setup)
        width = self._vision.config.projection_dim
        self._head = filled(lambda: head(width), head_state(state), found.source, setup.device, "float32")
        self._setup = setup
        self.settings: dict[str, object] = {
            "weights": found.id,
            "clip": vision.id,
            "dtype": setup.dtype,
        }

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """As CLIP's own code prepares images: the shorter side to 224, the centre of it."""
        pixels = torch.stack([cropped(image, self._side, rounded) for image in images])
        with torch.inference_mode():
            kind = getattr(torch, self._setup.dtype)
            found = self._vision(pixel_values=pixels.to(self._setup.device, kind)).image_embeds
            values = self._head(functional.normalize(found.float(), dim=-1))[:, 0]
        return [float(value) for value in values.cpu()]


def _tower(found: Weights, setup: Setup) -> tuple[Any, int]:
    """CLIP's image side from the weights of all of it, and the pixels a side that it sees."""
    config = config_of(found.folder, transformers.CLIPConfig)
    vision = config.vision_config
    vision.projection_dim = config.projection_dim
    state = below(found, "visual_projection.weight", "CLIP")
    own = {start + name: value for start in VISION for name, value in part(state, start).items()}
    make = transformers.CLIPVisionModelWithProjection
    model = filled(lambda: make(vision), own, found.source, setup.device, setup.dtype)
    return model, int(vision.image_size)
