"""Tiny pipelines of the real diffusers and transformers classes with random weights, saved as folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

LETTERS = [*ascii_lowercase, " ", ","]


def clip_tokenizer() -> CLIPTokenizer:
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=[], model_max_length=77)


def t5_tokenizer() -> T5Tokenizer:
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    return T5Tokenizer(vocab=[*special, *((c, -3.0) for c in LETTERS)], extra_ids=0, model_max_length=32)


def clip_config(projection: int = 32) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=32, intermediate_size=37, num_attention_heads=4, num_hidden_layers=3, vocab_size=100,
        max_position_embeddings=77, projection_dim=projection, hidden_act="gelu",
        bos_token_id=56, eos_token_id=57, pad_token_id=57,
    )  # fmt: skip


def t5_config(width: int = 32) -> T5Config:
    return T5Config(
        vocab_size=64, d_model=width, d_ff=37, d_kv=8, num_layers=2, num_heads=4,
        relative_attention_num_buckets=8,
    )  # fmt: skip


def vae(channels: int, **config: float) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16), in_channels=3, out_channels=3, latent_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4, sample_size=32,
        use_quant_conv=False, use_post_quant_conv=False, **config,
    )  # fmt: skip


def flux_transformer(**config: object) -> FluxTransformer2DModel:
    settings = {
        "patch_size": 1, "in_channels": 16, "num_layers": 1, "num_single_layers": 1, "attention_head_dim": 16,
        "num_attention_heads": 2, "joint_attention_dim": 32, "pooled_projection_dim": 32,
        "axes_dims_rope": (4, 4, 8), "guidance_embeds": True,
    }  # fmt: skip
    return FluxTransformer2DModel(**(settings | config))


def tiny_flux(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(4, shift_factor=0.1159, scaling_factor=0.3611).eval(),
        text_encoder=CLIPTextModel(clip_config()).eval(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=T5EncoderModel(t5_config()).eval(),
        tokenizer_2=t5_tokenizer(),
        transformer=flux_transformer().eval(),
    ).save_pretrained(folder)
    return folder


def unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=4,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 4),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1), projection_class_embeddings_input_dim=80, cross_attention_dim=64,
    )  # fmt: skip


def tiny_sdxl(folder: Path, seed: int = 0, prediction: str = "epsilon") -> Path:
    torch.manual_seed(seed)
    StableDiffusionXLPipeline(
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=prediction,
            timestep_spacing="leading", steps_offset=1,
        ),
        vae=vae(4, scaling_factor=0.13025).eval(),
        text_encoder=CLIPTextModel(clip_config()).eval(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=CLIPTextModelWithProjection(clip_config()).eval(),
        tokenizer_2=clip_tokenizer(),
        unet=unet().eval(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def write_pairs(
    folder: Path,
    count: int = 6,
    height: int = 40,
    width: int = 48,
    seed: int = 0,
    errors: Sequence[str] = (),
    shapes: Sequence[tuple[int, int]] = (),
) -> Path:
    """A HAP dataset of noise, written with plain `datasets`: each pair differs in one rectangle.

    With `errors` the pairs have them in turn, in the column of that name; with `shapes`, their sizes.
    """
    import datasets
    from PIL import Image

    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        height, width = shapes[i % len(shapes)] if shapes else (height, width)
        chosen = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), np.uint8)
        mask[10:20, 12 + i : 24 + i] = 255
        rejected = np.where(mask[..., None] > 0, 255 - chosen, chosen)
        pictures = {"chosen": chosen, "rejected": rejected, "mask": mask}
        row = {name: Image.fromarray(picture) for name, picture in pictures.items()}
        texts = {"id": f"{i:016x}", "prompt": f"a photo of person {'abc'[i % 3]}"}
        rows.append({**texts, **row, **({"error": errors[i % len(errors)]} if errors else {})})
    pictures = dict.fromkeys(("chosen", "rejected", "mask"), datasets.Image())
    features = datasets.Features(
        {name: pictures.get(name, datasets.Value("string")) for name in rows[0]},
    )
    (folder / "data").mkdir(parents=True)
    data = datasets.Dataset.from_list(rows, features=features)
    data.to_parquet(str(folder / "data" / "train-00000-of-00001.parquet"))
    return folder
