"""Tiny pipelines, as in `tiny`, of the families besides FLUX.1 and SDXL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Pipeline,
    Flux2Transformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
    T5EncoderModel,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tiny import clip_config, clip_tokenizer, t5_config, t5_tokenizer, vae


def tiny_sd(folder: Path, prediction: str = "epsilon") -> Path:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=4,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=2, cross_attention_dim=32,
    )  # fmt: skip
    StableDiffusionPipeline(
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
            clip_sample=False, set_alpha_to_one=False, prediction_type=prediction,
        ),
        vae=vae(4, scaling_factor=0.18215).eval(),
        text_encoder=CLIPTextModel(clip_config()).eval(),
        tokenizer=clip_tokenizer(),
        unet=unet.eval(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_sd2(folder: Path) -> Path:
    """Stable Diffusion 2.x as 1.5, but for what it predicts."""
    return tiny_sd(folder, "v_prediction")


def tiny_sd3(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8,
        num_attention_heads=2, caption_projection_dim=16, joint_attention_dim=72, pooled_projection_dim=64,
        pos_embed_max_size=32, qk_norm="rms_norm", dual_attention_layers=(0,),
    )  # fmt: skip
    StableDiffusion3Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(4, shift_factor=0.0609, scaling_factor=1.5305).eval(),
        text_encoder=CLIPTextModelWithProjection(clip_config()).eval(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=CLIPTextModelWithProjection(clip_config()).eval(),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=T5EncoderModel(t5_config(72)).eval(),
        tokenizer_3=t5_tokenizer(),
        transformer=transformer.eval(),
    ).save_pretrained(folder)
    return folder


SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "[IMG]")
WORDS = 256 + len(SPECIAL)
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer() -> Qwen2Tokenizer:
    """Qwen's tokenizer with a token per byte, and the tokens that mark a chat."""
    names = [*bytes_to_unicode().values(), *SPECIAL]
    vocabulary = {name: i for i, name in enumerate(names)}
    return Qwen2Tokenizer(
        vocab=vocabulary, merges=[], additional_special_tokens=list(SPECIAL[1:]), chat_template=CHAT
    )


def text_config(layers: int) -> dict[str, object]:
    return {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": layers, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": WORDS, "max_position_embeddings": 1024, "head_dim": 8,
        "bos_token_id": None, "eos_token_id": 256, "pad_token_id": 256,
    }  # fmt: skip


def tiny_qwen_image(folder: Path) -> Path:
    torch.manual_seed(0)
    text = text_config(2)
    del text["head_dim"]
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6}
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    config = Qwen2_5_VLConfig(text_config={**text, "rope_parameters": rope}, vision_config=vision)
    transformer = QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1, temperal_downsample=[False, True],
        latents_mean=[-0.7, 0.2, 0.4, -0.1], latents_std=[2.8, 1.4, 2.3, 0.6],
    )  # fmt: skip
    QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02),
        vae=vae.eval(),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config).eval(),
        tokenizer=byte_tokenizer(),
        transformer=transformer.eval(),
    ).save_pretrained(folder)
    return folder


def tiny_z_image(folder: Path) -> Path:
    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
        axes_dims=[8, 4, 4], axes_lens=[640, 32, 32],
    )  # fmt: skip
    for token in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.normal_(token)
    ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(4, shift_factor=0.1159, scaling_factor=0.3611).eval(),
        text_encoder=Qwen3Model(Qwen3Config(**text_config(3))).eval(),
        tokenizer=byte_tokenizer(),
        transformer=transformer.eval(),
    ).save_pretrained(folder)
    return folder


def flux2_parts(*, guidance_embeds: bool) -> dict[str, object]:
    """What FLUX.2 and klein share; the text encoder's three chosen layers are 16 channels wide each."""
    transformer = Flux2Transformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=48, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=guidance_embeds,
    )  # fmt: skip
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 16), layers_per_block=1, latent_channels=4, norm_num_groups=4, sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    vae.bn.running_mean.normal_()
    vae.bn.running_var.uniform_(0.5, 3)
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0)
    return {"transformer": transformer.eval(), "vae": vae.eval(), "scheduler": scheduler}


def tiny_flux2(folder: Path) -> Path:
    """With a tokenizer in the place of FLUX.2's processor, which wants torchvision; both render chats."""
    torch.manual_seed(0)
    vision = {
        "model_type": "pixtral", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "image_size": 30, "patch_size": 6,
    }  # fmt: skip
    text = {**text_config(31), "model_type": "mistral", "sliding_window": None}
    config = Mistral3Config(text_config=text, vision_config=vision, image_token_index=WORDS - 1)
    Flux2Pipeline(
        text_encoder=Mistral3ForConditionalGeneration(config).eval(),
        tokenizer=byte_tokenizer(),
        **flux2_parts(guidance_embeds=True),
    ).save_pretrained(folder)
    return folder


def tiny_klein(folder: Path, *, distilled: bool = False) -> Path:
    torch.manual_seed(0)
    Flux2KleinPipeline(
        text_encoder=Qwen3ForCausalLM(Qwen3Config(**text_config(28))).eval(),
        tokenizer=byte_tokenizer(),
        is_distilled=distilled,
        **flux2_parts(guidance_embeds=False),
    ).save_pretrained(folder)
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "sd": tiny_sd,
    "sd2": tiny_sd2,
    "sd3": tiny_sd3,
    "qwen_image": tiny_qwen_image,
    "z_image": tiny_z_image,
    "flux2": tiny_flux2,
    "klein": tiny_klein,
}
