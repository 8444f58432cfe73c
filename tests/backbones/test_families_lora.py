"""Every family's LoRA, and the stages that make and use it, through its real pipeline with tiny weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from asap.align import train
from asap.backbones import lora
from asap.backbones.load import load
from asap.bench import generate
from families import DRAWN_BY, PROMPTS, condition_of, drawn, perturb, plain


def test_a_saved_lora_gives_the_same_images_in_plain_diffusers(
    family: str, folder: Path, tmp_path: Path
) -> None:
    """Rank 4 with alpha 8: a reload that lost the metadata would halve its effect."""
    trained = load(str(folder))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=8, seed=0)
    perturb(trained.denoiser)
    trained.save_lora(tmp_path)
    ours, pipeline = load(str(folder)), plain(folder)
    base = ours.generate(PROMPTS, [1, 2], steps=2, size=32)
    ours.load_lora(tmp_path)
    images = ours.generate(PROMPTS, [1, 2], steps=2, size=32)
    pipeline.load_lora_weights(str(tmp_path))
    assert np.array_equal(np.stack(images), drawn(pipeline, **DRAWN_BY[family]))
    assert not np.array_equal(np.stack(images), np.stack(base))

    # and the reloaded network computes what the trained one did
    z, t, condition = trained.encode(torch.rand(2, 3, 32, 32)), torch.full((2,), 0.5), condition_of(trained)
    with torch.no_grad():
        expected = trained.predict(z, t, condition)
        trained.__dict__["denoiser"] = getattr(pipeline, "transformer", None) or pipeline.unet
        torch.testing.assert_close(trained.predict(z, t, condition), expected, rtol=1e-5, atol=1e-5)


def test_a_lora_touches_every_block_and_its_absence_is_the_base(folder: Path) -> None:
    backbone, untouched = load(str(folder)), load(str(folder))
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=8, seed=0)
    perturb(backbone.denoiser)
    adapted = [name for name, p in backbone.denoiser.named_parameters() if p.requires_grad]
    kinds = {"transformer_blocks", "single_transformer_blocks", "layers", "noise_refiner", "context_refiner"}
    modules = (name.split(".") for name, _ in backbone.denoiser.named_modules())
    blocks = [".".join(m) for m in modules if m[-1].isdigit() and m[-2] in kinds]
    assert blocks and not [b for b in blocks if not any(name.startswith(b + ".") for name in adapted)]
    z = backbone.encode(torch.rand(2, 3, 32, 32) * 2 - 1)
    t, condition = torch.full((2,), 0.5), condition_of(backbone)
    with torch.no_grad():
        base = untouched.predict(z, t, condition)
        assert not torch.allclose(backbone.predict(z, t, condition), base)
        with lora.adapter_off(backbone.denoiser):
            assert torch.equal(backbone.predict(z, t, condition), base)


def test_an_image_depends_on_its_seed_and_not_on_its_batch(folder: Path) -> None:
    backbone = load(str(folder))
    both = backbone.generate(PROMPTS, [1, 2], steps=2, size=32)
    alone = backbone.generate(PROMPTS[1:], [2], steps=2, size=32)
    assert np.abs(both[1].astype(int) - alone[0].astype(int)).max() <= 1


def test_predicting_loads_neither_vae_nor_text_encoders(folder: Path) -> None:
    backbone = load(str(folder))
    condition = condition_of(backbone)
    z = backbone.encode(torch.zeros(2, 3, 32, 32))
    backbone.free_encoders()
    backbone.predict(z, torch.full((2,), 0.5), condition)
    assert not {"_vae", "_text", "_pipeline"} & set(vars(backbone))


def test_two_steps_of_training_and_pictures_of_them(folder: Path, pairs: Path, tmp_path: Path) -> None:
    """Through the stages' own `run`, as the command does; trained as large models are, in bfloat16."""
    run = train.run(
        train.Config(
            str(folder), str(pairs), tmp_path / "run", steps=2, resolution=32, rank=4, lora_alpha=8,
            learning_rate=0.05, dtype="bfloat16", gradient_checkpointing=True, tracker="none", overlays=0,
        )
    )  # fmt: skip
    assert len((run / "log.jsonl").read_text().splitlines()) == 2
    (tmp_path / "prompts.txt").write_text("\n".join(PROMPTS))
    pictures = []
    for name, adapter in (("base", None), ("asap", run)):
        drawn = generate.run(
            generate.Config(
                model=str(folder), prompts=tmp_path / "prompts.txt", out=tmp_path / name, lora=adapter,
                steps=2, size=32,
            )
        )  # fmt: skip
        pictures.append([path.read_bytes() for path in sorted((drawn / "images").glob("*.png"))])
    assert len(pictures[0]) == len(pictures[1]) == 2 and pictures[0] != pictures[1]
