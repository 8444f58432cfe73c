"""Rewards against plain transcriptions of their formulas in float64, from weights in published names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

import tiny_rewards
from asap.bench.rewards import hpsv3, imagereward
from asap.bench.rewards.aesthetic import Aesthetic
from asap.bench.rewards.clip import VIT_H, to_transformers
from asap.bench.rewards.heads import PLACES
from asap.bench.rewards.hpsv2 import HPSv2
from asap.bench.rewards.pickscore import PickScore
from asap.bench.rewards.pictures import cropped, halved, padded, rounded
from asap.bench.rewards.reward import Setup
from asap.bench.rewards.vqascore import QUESTION, VQAScore
from asap.records import Image

IMAGES = [np.random.default_rng(n).integers(0, 256, (40 + 9 * n, 50, 3)).astype(np.uint8) for n in range(2)]
TEXTS = ["a hand, waving", "two people in a park"]
Weights = Mapping[str, Tensor]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def double(state: Weights) -> dict[str, Tensor]:
    return {name: value.double() for name, value in state.items()}


def linear(x: Tensor, w: Weights, name: str) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(x: Tensor, w: Weights, name: str, eps: float) -> Tensor:
    spread = x - x.mean(-1, keepdim=True)
    return (
        spread / (spread.square().mean(-1, keepdim=True) + eps).sqrt() * w[f"{name}.weight"]
        + w[f"{name}.bias"]
    )


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """(L, D) from queries (L, D), keys and values (M, D)."""
    q, k, v = (x.reshape(len(x), heads, -1).transpose(0, 1) for x in (q, k, v))
    weights = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    weights = weights if mask is None else weights.masked_fill(~mask, -torch.inf)
    return (weights.softmax(-1) @ v).transpose(0, 1).reshape(q.shape[1], -1)


def open_clip_tower(x: Tensor, w: Weights, start: str, heads: int, act: Callable[[Tensor], Tensor]) -> Tensor:
    """The blocks of open_clip's transformer on (L, D)."""
    mask = None if start else torch.ones(len(x), len(x)).tril().bool()
    for n in range(2):
        block = f"{start}transformer.resblocks.{n}."
        y = norm(x, w, f"{block}ln_1", 1e-5)
        q, k, v = (y @ w[f"{block}attn.in_proj_weight"].T + w[f"{block}attn.in_proj_bias"]).chunk(3, -1)
        x = x + linear(attention(q, k, v, heads, mask), w, f"{block}attn.out_proj")
        y = norm(x, w, f"{block}ln_2", 1e-5)
        x = x + linear(act(linear(y, w, f"{block}mlp.c_fc")), w, f"{block}mlp.c_proj")
    return x


def open_clip_image(pixels: Tensor, w: Weights, act: Callable[[Tensor], Tensor] = F.gelu) -> Tensor:
    """open_clip's embedding of an image (3, S, S)."""
    x = F.conv2d(pixels[None], w["visual.conv1.weight"], stride=14)[0].flatten(1).T
    x = torch.cat([w["visual.class_embedding"][None], x]) + w["visual.positional_embedding"]
    x = open_clip_tower(norm(x, w, "visual.ln_pre", 1e-5), w, "visual.", 2, act)
    return F.normalize(norm(x[0], w, "visual.ln_post", 1e-5) @ w["visual.proj"], dim=-1)


def open_clip_text(text: str, w: Weights, folder: Path) -> Tensor:
    ids = torch.tensor(transformers.CLIPTokenizer.from_pretrained(folder)(text)["input_ids"])
    x = w["token_embedding.weight"][ids] + w["positional_embedding"][: len(ids)]
    x = norm(open_clip_tower(x, w, "", 4, F.gelu), w, "ln_final", 1e-5)
    return F.normalize(x[ids.argmax()] @ w["text_projection"], dim=-1)


def cosines(w: Weights, folder: Path, prepare: Callable[[Image], Tensor]) -> list[float]:
    return [
        float(open_clip_image(prepare(image).double(), w) @ open_clip_text(text, w, folder))
        for image, text in zip(IMAGES, TEXTS, strict=True)
    ]


def test_hpsv2_is_the_cosine_of_the_published_names(tmp_path: Path) -> None:
    state = tiny_rewards.open_clip(tmp_path)
    found = HPSv2(Setup(str(tmp_path / "hps.safetensors"))).score(IMAGES, TEXTS)
    expected = cosines(double(state), tmp_path, lambda image: padded(image, 28))
    assert found == pytest.approx(expected, abs=1e-5)
    assert abs(found[0] - found[1]) > 1e-3


def test_pickscore_is_the_scaled_cosine_of_cropped_images(tmp_path: Path) -> None:
    model = tiny_rewards.clip(tmp_path)
    found = PickScore(Setup(str(tmp_path))).score(IMAGES, TEXTS)
    w = double(tiny_rewards.as_open_clip(model))
    expected = [
        float(w["logit_scale"].exp()) * value
        for value in cosines(w, tmp_path, lambda image: cropped(image, 28, halved))
    ]
    assert found == pytest.approx(expected, abs=1e-4)


def test_names_of_open_clip_go_there_and_back(tmp_path: Path) -> None:
    model = tiny_rewards.clip(tmp_path)
    state = tiny_rewards.as_open_clip(model)
    state.pop("attn_mask")
    mapped, own = to_transformers(state), model.state_dict()
    assert mapped.keys() == own.keys() and all(torch.equal(mapped[name], own[name]) for name in own)
    assert to_transformers(dict(own)).keys() == own.keys()


def through_head(x: Tensor, w: Weights, start: str) -> float:
    for place in PLACES:
        x = linear(x, w, f"{start}{place}")
    return float(x)


def test_aesthetic_is_the_head_on_the_normalised_embedding(tmp_path: Path) -> None:
    clip, head = tmp_path / "clip", tmp_path / "head.safetensors"
    model = tiny_rewards.clip(clip, "quick_gelu")
    state = tiny_rewards.linear_head(8, "layers.")
    save_file(state, head)
    found = Aesthetic(Setup(str(head), str(clip))).score(IMAGES, ["", ""])
    w = double(tiny_rewards.as_open_clip(model))

    def act(x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)

    seen = [open_clip_image(cropped(image, 28, rounded).double(), w, act) for image in IMAGES]
    assert found == pytest.approx([through_head(x, double(state), "layers.") for x in seen], abs=1e-4)
    both = {f"model.{name}": value for name, value in (model.state_dict() | state).items()}
    save_file(both, clip / "model.safetensors")
    assert Aesthetic(Setup(str(clip))).score(IMAGES, ["", ""]) == pytest.approx(found, abs=1e-6)


def blip_image(pixels: Tensor, w: Weights) -> Tensor:
    """BLIP's states (L, D) of an image: timm's ViT."""
    x = F.conv2d(pixels[None], w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], 16)[0].flatten(1).T
    x = torch.cat([w["cls_token"][0], x]) + w["pos_embed"][0]
    for n in range(2):
        y = norm(x, w, f"blocks.{n}.norm1", 1e-6)
        q, k, v = linear(y, w, f"blocks.{n}.attn.qkv").chunk(3, -1)
        x = x + linear(attention(q, k, v, 2), w, f"blocks.{n}.attn.proj")
        y = norm(x, w, f"blocks.{n}.norm2", 1e-6)
        x = x + linear(F.gelu(linear(y, w, f"blocks.{n}.mlp.fc1")), w, f"blocks.{n}.mlp.fc2")
    return norm(x, w, "norm", 1e-6)


def med_text(ids: Tensor, mask: Tensor, seen: Tensor, w: Weights) -> Tensor:
    """BLIP's BERT with cross-attention: states (L, D)."""
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x, w, "embeddings.LayerNorm", 1e-12)
    for n in range(2):
        for part, other, kept in (("attention", None, mask), ("crossattention", seen, None)):
            start = f"encoder.layer.{n}.{part}."
            source = x if other is None else other
            q = linear(x, w, f"{start}self.query")
            k, v = linear(source, w, f"{start}self.key"), linear(source, w, f"{start}self.value")
            y = linear(attention(q, k, v, 2, kept), w, f"{start}output.dense")
            x = norm(x + y, w, f"{start}output.LayerNorm", 1e-12)
        y = F.gelu(linear(x, w, f"encoder.layer.{n}.intermediate.dense"))
        y = linear(y, w, f"encoder.layer.{n}.output.dense")
        x = norm(x + y, w, f"encoder.layer.{n}.output.LayerNorm", 1e-12)
    return x


def below(state: Weights, start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): v.double() for name, v in state.items() if name.startswith(start)}


def test_imagereward_is_the_standardised_head_on_the_first_state(tmp_path: Path) -> None:
    state = tiny_rewards.image_reward(tmp_path)
    found = imagereward.ImageReward(Setup(str(tmp_path / "ImageReward.safetensors"))).score(IMAGES, TEXTS)
    tokens = transformers.BertTokenizer.from_pretrained(tmp_path)
    expected = []
    for image, text in zip(IMAGES, TEXTS, strict=True):
        seen = blip_image(cropped(image, 32, rounded).double(), below(state, "blip.visual_encoder."))
        words = tokens(text, padding="max_length", truncation=True, max_length=35, return_tensors="pt")
        mask = words["attention_mask"][0].bool()
        first = med_text(words["input_ids"][0], mask, seen, below(state, "blip.text_encoder."))[0]
        value = through_head(first, double(state), "mlp.layers.")
        expected.append((value - 0.16717362830052426) / 1.0333394966054072)
    assert found == pytest.approx(expected, abs=1e-4) and abs(found[0] - found[1]) > 0.01


def test_hpsv3_reads_its_token_with_places_in_a_line(tmp_path: Path) -> None:
    state = tiny_rewards.hpsv3(tmp_path)
    setup = Setup(str(tmp_path / "HPSv3.safetensors"), str(tmp_path / "base"), tmp_path / "question.py")
    reward = hpsv3.HPSv3(setup)
    found = reward.score(IMAGES, TEXTS)
    assert found == pytest.approx(
        [reference_hpsv3(state, tmp_path / "base", *row) for row in zip(IMAGES, TEXTS)], abs=1e-3
    )
    assert reward.score(IMAGES[:1], TEXTS[:1]) == pytest.approx(found[:1], abs=1e-4)  # padding does nothing
    assert abs(found[0] - found[1]) > 1e-3


def reference_hpsv3(state: Weights, base: Path, image: Image, text: str) -> float:
    """As its own forward: embeddings with the image's put in, no places given, the head at the token."""
    config = transformers.Qwen2VLConfig.from_pretrained(base)
    config.text_config.vocab_size = len(state["model.language_model.embed_tokens.weight"])
    model = transformers.Qwen2VLModel(config).double().eval()
    model.load_state_dict(
        {name.removeprefix("model."): v for name, v in double(state).items() if name.startswith("model.")}
    )
    tokens = transformers.AutoTokenizer.from_pretrained(base)
    tokens.add_special_tokens({"additional_special_tokens": ["<|Reward|>"]})
    prepare = transformers.Qwen2VLImageProcessorPil(min_pixels=256 * 28 * 28, max_pixels=256 * 28 * 28)
    seen = prepare(image, return_tensors="pt")
    grid = seen["image_grid_thw"]
    said = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
        + "<|image_pad|>" * (int(grid.prod()) // 4)
        + f"<|vision_end|>\nrate it\nTextual prompt - {text}\n\nall in all: <|Reward|>\nend\n<|im_end|>\n"
        + "<|im_start|>assistant\n"
    )
    ids = torch.tensor(tokens(said)["input_ids"])[None]
    with torch.no_grad():
        embedded = model.get_input_embeddings()(ids)
        out = model.visual(seen["pixel_values"].double(), grid_thw=grid)
        features = getattr(out, "pooler_output", out)
        embedded[ids == config.image_token_id] = features
        states = model(input_ids=None, inputs_embeds=embedded, attention_mask=torch.ones_like(ids))[0]
    w = double(state)
    x = states[0, int((ids[0] == len(tokens) - 1).nonzero())]
    x = linear(F.relu(linear(F.relu(linear(x, w, "rm_head.0")), w, "rm_head.3")), w, "rm_head.5")
    return float(x[0])


def test_names_of_qwen_of_older_versions_are_known(tmp_path: Path) -> None:
    state = tiny_rewards.hpsv3(tmp_path)
    old = {
        name.replace("model.visual.", "visual.").replace("language_model.", ""): v
        for name, v in state.items()
    }
    assert "model.embed_tokens.weight" in old and "visual.patch_embed.proj.weight" in old
    assert hpsv3.qwen_state(old).keys() == hpsv3.qwen_state(state).keys()


def test_vqascore_is_the_probability_of_yes(tmp_path: Path) -> None:
    model = tiny_rewards.llava(tmp_path)
    found = VQAScore(Setup(str(tmp_path))).score(IMAGES, TEXTS)
    processor = transformers.AutoProcessor.from_pretrained(tmp_path)
    yes = processor.tokenizer("Yes", add_special_tokens=False)["input_ids"][0]
    for value, image, text in zip(found, IMAGES, TEXTS, strict=True):
        asked = f"USER: <image> {QUESTION.format(text)} ASSISTANT: "
        inputs = processor(images=image, text=asked, return_tensors="pt")
        with torch.no_grad():
            logits = model(**inputs).logits[0, -1].double()
        assert value == pytest.approx(float(logits.softmax(-1)[yes]), abs=1e-6)
    assert QUESTION.format("x") == 'Does this figure show "x"? Please answer yes or no.'


def test_published_shapes_are_those_of_the_papers() -> None:
    """986M of open_clip's ViT-H-14, 303M of ViT-L/16 with timm's epsilon, 768 x 12 of BLIP's BERT."""
    with torch.device("meta"):
        clip = transformers.CLIPModel(transformers.CLIPConfig(**VIT_H))
        seen = transformers.BlipVisionModel(transformers.BlipVisionConfig(**imagereward.VISION))
        said = transformers.BlipTextModel(transformers.BlipTextConfig(**imagereward.TEXT), False)
    assert sum(value.numel() for value in clip.parameters()) == 986_109_441
    assert sum(value.numel() for value in seen.parameters()) == 303_301_632
    assert seen.post_layernorm.eps == 1e-6 and seen.encoder.layers[3].layer_norm1.eps == 1e-6
    assert said.embeddings.word_embeddings.weight.shape == (30524, 768)
    assert said.encoder.layer[11].crossattention.self.key.weight.shape == (768, 1024)
