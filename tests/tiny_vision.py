"""Tiny vision models with random weights, of the real transformers classes, saved as folders."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import (
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    Sam2Config,
    Sam2Model,
    SwinConfig,
)

WORDS = ("hand", "face", "foot", "person")
SIDE = 64  # pixels a side of what the tiny SAM 2 sees


def tiny_grounding_dino(folder: Path) -> Path:
    """A Grounding DINO with its processor, whose 12 queries give 12 boxes."""
    vocabulary = [f"[unused{index}]" for index in range(1040)]
    vocabulary[0], vocabulary[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary[1012], vocabulary[1029] = ".", "?"  # where the model looks for the ends of phrases
    vocabulary[1030 : 1030 + len(WORDS)] = WORDS
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokens = transformers.BertTokenizer.from_pretrained(folder)
    images = transformers.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    transformers.GroundingDinoProcessor(images, tokens).save_pretrained(folder)
    images.save_pretrained(folder)
    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, out_indices=[2, 3, 4]
        ),
        text_config=BertConfig(
            vocab_size=1040,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        ),
        d_model=32,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        disable_custom_kernels=True,
    )
    GroundingDinoForObjectDetection(config).eval().save_pretrained(folder)
    return folder


def tiny_sam2(folder: Path) -> Path:
    """A SAM 2 that sees pictures of `SIDE` pixels."""
    torch.manual_seed(0)
    channels = [8, 16, 32, 64]
    config = Sam2Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "image_size": [SIDE, SIDE],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": channels,
                "num_attention_heads_per_stage": [1, 1, 2, 2],
                "window_size_per_stage": [8, 4, 4, 2],
                "global_attention_blocks": [3],
            },
            "backbone_channel_list": channels[::-1],
            "backbone_feature_sizes": [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
            "fpn_hidden_size": 32,
        },
        prompt_encoder_config={"hidden_size": 32, "image_size": SIDE, "patch_size": 16},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    Sam2Model(config).eval().save_pretrained(folder)
    return folder
