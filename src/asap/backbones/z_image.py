"""Z-Image: a rectified flow transformer on latents and text in one stream, the text by Qwen3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import ZImagePipeline, ZImageTransformer2DModel
from torch import Tensor

from asap.backbones.backbone import Condition
from asap.backbones.flow import Flow
from asap.backbones.latent import padded

TEXT_LENGTH = 512  # tokens, the pipeline's own


class ZImage(Flow):
    """The `Backbone` of `ZImagePipeline`.

    Its network counts time from noise to picture and predicts z - eps; `predict` turns both around, so that
    here, too, t = 1 is pure noise and the velocity is eps - z.
    """

    name = "z_image"
    native_size = 1024
    pipeline_class = ZImagePipeline
    default_guidance = 5.0
    denoiser_class = ZImageTransformer2DModel
    lora_targets = ("to_q", "to_k", "to_v", "to_out.0")

    @torch.no_grad()
    def condition(self, prompts: Sequence[str]) -> Condition:
        embeddings, _ = self._text.encode_prompt(
            list(prompts), do_classifier_free_guidance=False, max_sequence_length=TEXT_LENGTH
        )
        return padded(embeddings, TEXT_LENGTH)

    def predict(self, z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        frames = z_t.to(self.dtype).unsqueeze(2)  # a picture is a video of one frame
        texts = [row[mask] for row, mask in zip(condition["embeddings"], condition["mask"])]
        out = self.denoiser(list(frames), 1 - t, texts, return_dict=False)[0]
        return -torch.stack(list(out)).squeeze(2)
