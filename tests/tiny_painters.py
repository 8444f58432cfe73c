"""Tiny inpainting pipelines and ControlNets of the real diffusers classes with random weights, as folders."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLFlux2,
    ControlNetModel,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxControlNetModel,
    FluxFillPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

from tiny import LETTERS, clip_config, clip_tokenizer, flux_transformer, t5_tokenizer, unet, vae


def tiny_fill(folder: Path) -> Path:
    """FLUX.1-Fill: noise, masked picture (16 channels each) and mask (4 x 4, as the VAE halves sides)."""
    torch.manual_seed(0)
    t5 = T5Config(vocab_size=64, d_model=32, d_ff=37, d_kv=8, num_layers=2, num_heads=4)
    FluxFillPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(4, shift_factor=0.1159, scaling_factor=0.3611).eval(),
        text_encoder=CLIPTextModel(clip_config()).eval(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=T5EncoderModel(t5).eval(),
        tokenizer_2=t5_tokenizer(),
        transformer=flux_transformer(in_channels=48, out_channels=16).eval(),
    ).save_pretrained(folder)
    return folder


def tiny_klein(folder: Path) -> Path:
    """FLUX.2-klein, distilled; its text encoder has the 28 layers that the pipeline takes 9, 18 and 27 of."""
    torch.manual_seed(0)
    qwen = Qwen3Config(
        vocab_size=64, hidden_size=8, intermediate_size=8, num_hidden_layers=28, num_attention_heads=1,
        num_key_value_heads=1, head_dim=8,
    )  # fmt: skip
    Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLFlux2(
            block_out_channels=(8, 16), latent_channels=4, norm_num_groups=4, layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        ).eval(),
        text_encoder=Qwen3ForCausalLM(qwen).eval(),
        tokenizer=qwen_tokenizer(),
        transformer=Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=24, timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ).eval(),
        is_distilled=True,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def qwen_tokenizer() -> Qwen2Tokenizer:
    tokens = [*LETTERS, "Ġ", "<|endoftext|>"]
    tokenizer = Qwen2Tokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[])
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return tokenizer


def tiny_sdxl_inpaint(folder: Path) -> Path:
    """SDXL with an inpainting UNet: 4 channels of latents, 1 of mask, 4 of the masked picture."""
    torch.manual_seed(0)
    nine = UNet2DConditionModel.from_config(unet().config, in_channels=9)
    StableDiffusionXLInpaintPipeline(
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading",
            steps_offset=1,
        ),
        vae=vae(4, scaling_factor=0.13025).eval(),
        text_encoder=CLIPTextModel(clip_config()).eval(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=CLIPTextModelWithProjection(clip_config()).eval(),
        tokenizer_2=clip_tokenizer(),
        unet=nine.eval(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_flux_controlnet(folder: Path, modes: int | None = None) -> Path:
    """A ControlNet of FLUX.1, for poses alone or, with `modes`, one that is told its task."""
    torch.manual_seed(1)
    network = FluxControlNetModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
        num_mode=modes,
    )  # fmt: skip
    _wake(network)
    network.save_pretrained(folder)
    return folder


def tiny_sdxl_controlnet(folder: Path) -> Path:
    torch.manual_seed(1)
    # the condition is scaled to the latents, here by 2, so that its embedding halves sides once
    network = ControlNetModel.from_unet(unet(), conditioning_embedding_out_channels=(4, 8))
    _wake(network)
    network.save_pretrained(folder)
    return folder


def _wake(network: torch.nn.Module) -> None:
    """A ControlNet starts with zeros where it ends, and would change nothing."""
    with torch.no_grad():
        for weights in network.parameters():
            if not weights.any():
                torch.nn.init.normal_(weights, std=0.2)
