"""Tiny rewards with random weights: the real classes of transformers, saved as users have them."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor, nn

LETTERS = "abcdefghijklmnopqrstuvwxyz,'."
ENDS = ("<|startoftext|>", "<|endoftext|>")


def clip_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer of single letters in `folder`."""
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), *ENDS]
    vocab = {word: number for number, word in enumerate(words)}
    transformers.CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77).save_pretrained(folder)


def clip_config(act: str = "gelu") -> transformers.CLIPConfig:
    words = 2 * len(LETTERS) + 2
    shared = {"intermediate_size": 24, "num_hidden_layers": 2, "hidden_act": act, "projection_dim": 8}
    text = {
        **shared,
        "hidden_size": 16,
        "num_attention_heads": 4,
        "vocab_size": words,
        "bos_token_id": words - 2,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
    }
    vision = {**shared, "hidden_size": 12, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    return transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)


def clip(folder: Path, act: str = "gelu") -> transformers.CLIPModel:
    """A CLIPModel with its tokenizer, saved in `folder`."""
    torch.manual_seed(0)
    model = _random(transformers.CLIPModel(clip_config(act))).eval()
    model.save_pretrained(folder)
    clip_tokenizer(folder)
    return model


def _random(module: nn.Module, scale: float = 0.3) -> nn.Module:
    """Weights large enough that every part shows in the result."""
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name != "logit_scale":
                value.add_(torch.randn(value.shape) * scale)
    return module


def as_open_clip(model: transformers.CLIPModel) -> dict[str, Tensor]:
    """The model's weights in open_clip's names and shapes, written from its side."""
    own, found = model.state_dict(), {}
    for tower, start in (("vision_model.", "visual."), ("text_model.", "")):
        layers = {name.split(".")[3] for name in own if name.startswith(f"{tower}encoder.layers.")}
        for layer in layers:
            old, new = f"{tower}encoder.layers.{layer}.", f"{start}transformer.resblocks.{layer}."
            for kind in ("weight", "bias"):
                parts = [own[f"{old}self_attn.{name}_proj.{kind}"] for name in "qkv"]
                found[f"{new}attn.in_proj_{kind}"] = torch.cat(parts)
                found[f"{new}attn.out_proj.{kind}"] = own[f"{old}self_attn.out_proj.{kind}"]
                found[f"{new}mlp.c_fc.{kind}"] = own[f"{old}mlp.fc1.{kind}"]
                found[f"{new}mlp.c_proj.{kind}"] = own[f"{old}mlp.fc2.{kind}"]
                found[f"{new}ln_1.{kind}"] = own[f"{old}layer_norm1.{kind}"]
                found[f"{new}ln_2.{kind}"] = own[f"{old}layer_norm2.{kind}"]
    for kind in ("weight", "bias"):
        found[f"visual.ln_pre.{kind}"] = own[f"vision_model.pre_layrnorm.{kind}"]
        found[f"visual.ln_post.{kind}"] = own[f"vision_model.post_layernorm.{kind}"]
        found[f"ln_final.{kind}"] = own[f"text_model.final_layer_norm.{kind}"]
    found |= {
        "visual.class_embedding": own["vision_model.embeddings.class_embedding"],
        "visual.conv1.weight": own["vision_model.embeddings.patch_embedding.weight"],
        "visual.positional_embedding": own["vision_model.embeddings.position_embedding.weight"],
        "visual.proj": own["visual_projection.weight"].T,
        "token_embedding.weight": own["text_model.embeddings.token_embedding.weight"],
        "positional_embedding": own["text_model.embeddings.position_embedding.weight"],
        "text_projection": own["text_projection.weight"].T,
        "logit_scale": own["logit_scale"],
        "attn_mask": torch.zeros(77, 77),
    }
    return {name: value.contiguous() for name, value in found.items()}


def open_clip(folder: Path) -> dict[str, Tensor]:
    """A file `hps.safetensors` in open_clip's names, a config and a tokenizer beside it; its weights."""
    state = as_open_clip(clip(folder))
    (folder / "model.safetensors").unlink()
    save_file(state, folder / "hps.safetensors")
    return state


def linear_head(width: int, start: str) -> dict[str, Tensor]:
    """The head of LAION's predictor and of ImageReward with random weights."""
    torch.manual_seed(1)
    edges, found = (width, 1024, 128, 64, 16, 1), {}
    for place, before, after in zip((0, 2, 4, 6, 7), edges, edges[1:]):
        found[f"{start}{place}.weight"] = torch.randn(after, before) / before**0.5
        found[f"{start}{place}.bias"] = torch.randn(after)
    return found


BLIP = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}


def image_reward(folder: Path) -> dict[str, Tensor]:
    """`ImageReward.safetensors` in its own names, a BlipConfig and a tokenizer beside it; its weights."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    (folder / "vocab.txt").write_text("\n".join(words))
    text = {**BLIP, "encoder_hidden_size": 12, "vocab_size": len(words) + 2, "layer_norm_eps": 1e-12}
    text |= {"max_position_embeddings": 40, "bos_token_id": 2, "sep_token_id": 3, "pad_token_id": 0}
    vision = {**BLIP, "hidden_size": 12, "image_size": 32, "patch_size": 16, "layer_norm_eps": 1e-6}
    config = transformers.BlipConfig(text_config=text, vision_config=vision)
    config.save_pretrained(folder)
    torch.manual_seed(2)
    seen = _random(transformers.BlipVisionModel(config.vision_config)).state_dict()
    said = _random(transformers.BlipTextModel(config.text_config, add_pooling_layer=False)).state_dict()
    state = {f"blip.visual_encoder.{_timm(name)}": value for name, value in seen.items()}
    state |= {f"blip.text_encoder.{name}": value for name, value in said.items()}
    state |= {"blip.vision_proj.weight": torch.zeros(4, 12), "blip.text_proj.weight": torch.zeros(4, 16)}
    state["blip.text_encoder.embeddings.position_ids"] = torch.arange(40)[None]
    state |= linear_head(16, "mlp.layers.")
    save_file(state, folder / "ImageReward.safetensors")
    return state


def _timm(name: str) -> str:
    """BLIP's name of an entry of transformers' BlipVisionModel."""
    fixed = {
        "embeddings.class_embedding": "cls_token",
        "embeddings.position_embedding": "pos_embed",
        "embeddings.patch_embedding.weight": "patch_embed.proj.weight",
        "embeddings.patch_embedding.bias": "patch_embed.proj.bias",
        "post_layernorm.weight": "norm.weight",
        "post_layernorm.bias": "norm.bias",
    }
    if name in fixed:
        return fixed[name]
    name = name.replace("encoder.layers.", "blocks.").replace("self_attn.projection", "attn.proj")
    return name.replace("self_attn.qkv", "attn.qkv").replace("layer_norm", "norm")


QUESTION = '''"""Not run."""
raise SystemExit(1)
INSTRUCTION = """
rate it
Textual prompt - {text_prompt}
"""
prompt_with_special_token = """
all in all: <|Reward|>
end
"""
'''
TOKENS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")


def hpsv3(folder: Path) -> dict[str, Tensor]:
    """`HPSv3.safetensors`, a Qwen2-VL's configuration and tokenizer in `base`, the question; its weights."""
    base = folder / "base"
    base.mkdir()
    qwen_tokenizer().save_pretrained(base)
    (folder / "question.py").write_text(QUESTION)
    words = len(qwen_tokenizer())
    text = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    text |= {"num_key_value_heads": 1, "vocab_size": words + 9, "bos_token_id": 0, "eos_token_id": 0}
    text["rope_parameters"] = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    vision = {"depth": 1, "embed_dim": 16, "hidden_size": 16, "num_heads": 2, "mlp_ratio": 2}
    image = qwen_tokenizer().convert_tokens_to_ids("<|image_pad|>")
    config = transformers.Qwen2VLConfig(text_config=text, vision_config=vision, image_token_id=image)
    config.save_pretrained(base)
    config.text_config.vocab_size = words + 1
    torch.manual_seed(3)
    state = _random(transformers.Qwen2VLModel(config), 0.1).state_dict()
    state = {f"model.{name}": value for name, value in state.items()}
    state |= {"lm_head.weight": state["model.language_model.embed_tokens.weight"].clone()}
    for place, before, after in ((0, 16, 1024), (3, 1024, 16), (5, 16, 2)):
        state[f"rm_head.{place}.weight"] = torch.randn(after, before) / before**0.5
        state[f"rm_head.{place}.bias"] = torch.randn(after)
    save_file(state, folder / "HPSv3.safetensors")
    return state


def qwen_tokenizer() -> transformers.PreTrainedTokenizerBase:
    """A tokenizer of bytes with Qwen2-VL's special tokens."""
    from tokenizers.pre_tokenizers import ByteLevel

    vocab = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokens = transformers.Qwen2Tokenizer(vocab=vocab, merges=[])
    tokens.add_special_tokens({"additional_special_tokens": list(TOKENS)})
    return tokens


TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %} {{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT: {% endif %}"
)


def llava(folder: Path) -> transformers.LlavaForConditionalGeneration:
    """A LLaVA of one layer with its processor, saved in `folder`."""
    from tokenizers.pre_tokenizers import ByteLevel

    vocab = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokens = transformers.Qwen2Tokenizer(vocab=vocab, merges=[])
    tokens.add_special_tokens({"additional_special_tokens": ["<image>"]})
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28)
    processor = transformers.LlavaProcessor(
        images,
        tokens,
        patch_size=14,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    processor.save_pretrained(folder)
    shared = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**shared, image_size=28, patch_size=14),
        text_config=transformers.LlamaConfig(**shared, vocab_size=len(tokens), max_position_embeddings=256),
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
    )
    torch.manual_seed(4)
    model = _random(transformers.LlavaForConditionalGeneration(config), 0.2).eval()
    model.save_pretrained(folder)
    return model
