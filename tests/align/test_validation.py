"""Pictures while training: of the LoRA as it is, the denoiser shared, and training none the wiser."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asap.align import loop, prompts, train, validation
from asap.align.card import CARD, SAMPLES
from asap.backbones.load import load
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.store import seed_of
from families import FAMILIES
from tiny_runs import tiny_run

PROMPTS = ("a photo of a person", "two hands")


config = partial(tiny_run, steps=5, learning_rate=5e-2, tau=0.5, overlays=0)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(PROMPTS) + "\n\n")
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_draws_what_it_remembers_without_text_encoders(
    family: str, tiny_family: Callable[[str], Path]
) -> None:
    ours, plain = load(str(tiny_family(family))), load(str(tiny_family(family)))
    with ours.remembering():
        for prompt in PROMPTS:
            ours.generate([prompt], [0], steps=1, size=32)
    pipeline = ours._pipeline  # type: ignore[attr-defined]
    parts = pipeline.components
    assert not [name for name, part in parts.items() if part is not None and "text_encoder" in name]
    assert parts.get("transformer", parts.get("unet")) is ours.denoiser
    for seed, prompt in enumerate(PROMPTS):
        first, second = (one.generate([prompt], [seed], steps=2, size=32)[0] for one in (ours, plain))
        assert np.array_equal(first, second)
    with pytest.raises(UserError, match="text encoders are gone"):
        ours.generate(["something else"], [0], steps=1, size=32)


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_a_run_with_pictures_is_the_run_without_bit_for_bit(
    flux: Path, pairs: Path, tmp_path: Path, texts: Path, ema: float
) -> None:
    drawing = {"validate_every": 2, "validation_prompts": texts, "validation_steps": 2}
    plain = train.run(config(flux, pairs, tmp_path / "plain", ema=ema))
    torch.manual_seed(7)
    before = torch.get_rng_state()
    seen = config(flux, pairs, tmp_path / "seen", ema=ema, **drawing)
    train.run(seen)
    assert torch.equal(before, torch.get_rng_state())
    for name in (WEIGHTS, loop.LOG, loop.CHECKPOINT):
        assert (plain / name).read_bytes() == (seen.out / name).read_bytes()
    folders = sorted((seen.out / validation.FOLDER).glob("step-*"))
    assert [folder.name[-1] for folder in folders] == ["0", "2", "4", "5"]
    first, last = (np.asarray(Image.open(folders[i] / "01.png")) for i in (0, -1))
    backbone = load(str(flux))
    seed = seed_of(0, "validation", PROMPTS[1], 0)
    assert np.array_equal(first, backbone.generate([PROMPTS[1]], [seed], steps=2, size=32)[0])
    backbone.load_lora(seen.out)  # what is published, the average where there is one
    published = backbone.generate([PROMPTS[1]], [seed], steps=2, size=32)[0]
    assert np.abs(last.astype(int) - published.astype(int)).max() <= 1
    assert not np.array_equal(first, last)
    assert (seen.out / SAMPLES).exists() and "](samples.jpg)" in (seen.out / CARD).read_text()
    assert not (plain / SAMPLES).exists()


def test_resumed_it_draws_again_what_the_checkpoint_does_not_have(
    flux: Path, pairs: Path, tmp_path: Path, texts: Path
) -> None:
    settings = config(
        flux, pairs, tmp_path / "run", steps=4, validate_every=1, validation_prompts=texts, validation_steps=1
    )
    train.run(settings)
    files = sorted((settings.out / validation.FOLDER).rglob("*.png"))
    pictures = [file.read_bytes() for file in files]
    assert len(files) == 10
    (settings.out / loop.CHECKPOINT).unlink()
    for file in files[2:]:  # those of step 0 are the untrained model's, whatever comes
        file.write_bytes(b"of a run that is forgotten")
    train.run(settings)
    assert [file.read_bytes() for file in files] == pictures


def test_tensorboard_shows_them(flux: Path, pairs: Path, tmp_path: Path, texts: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = config(flux, pairs, tmp_path / "run", tracker="tensorboard", validate_every=5)
    out = train.run(replace(settings, validation_prompts=texts, validation_steps=1))
    events = EventAccumulator(str(next(out.rglob("events.out.tfevents*")).parent))
    events.Reload()
    assert [event.step for event in events.Images("validation")] == [0, 5]


def test_the_sheet_has_a_row_for_each_picture_and_a_column_for_each_step(tmp_path: Path) -> None:
    for step in range(0, 120, 10):
        folder = tmp_path / f"step-{step:06}"
        folder.mkdir()
        for row in range(2):
            Image.new("RGB", (8, 8), (2 * step, 100 * row, 0)).save(folder / f"{row:02}.png")
    data = Image.open(io.BytesIO(validation.sheet(tmp_path, ["short", "long " * 400])))
    tile, head = validation.TILE, validation.HEAD
    assert data.size == (validation.SHOWN * tile, 2 * (tile + head) + head)
    pixels = np.asarray(data).astype(int)
    for column, red in ((0, 0), (7, 220)):
        for row in range(2):
            middle = pixels[2 * head + row * (tile + head) + tile // 2, column * tile + tile // 2]
            assert np.abs(middle - (red, 100 * row, 0)).max() < 12


@pytest.mark.parametrize(
    ("rows", "columns", "blocks"),
    [(2, 5, 1), (1, 1, 1), (4, 1, 2), (9, 1, 3), (10, 2, 3), (64, 2, 4), (64, 8, 1)],
)
def test_many_pictures_of_few_steps_stand_side_by_side(rows: int, columns: int, blocks: int) -> None:
    assert validation.blocks_of(rows, columns) == blocks


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("", "p.txt", "holds no prompts"),
        ('{"prompt": 1}', "p.jsonl", "`text`"),
        ("[1]", "p.jsonl", "`text`"),
        ("x\n" * 65, "p.txt", "64 at most"),
        (None, "p.txt", "cannot be read"),
    ],
)
def test_prompt_files_that_cannot_work(tmp_path: Path, text: str | None, name: str, told: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=told):
        prompts.read(tmp_path / name, 1)


def test_prompts_of_both_forms(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"text": "two hands", "id": "x"}\n')
    assert prompts.read(tmp_path / "p.jsonl", 2) == ["two hands"]


def test_settings_go_together_and_are_checked_first(tmp_path: Path, texts: Path) -> None:
    nowhere = config(tmp_path / "no model", tmp_path / "no data", tmp_path / "run")
    for change in ({"validate_every": 5}, {"validation_prompts": texts}):
        with pytest.raises(UserError, match="go together"):
            train.run(replace(nowhere, **change))
    with pytest.raises(UserError, match="cannot be read"):
        train.run(replace(nowhere, validate_every=5, validation_prompts=tmp_path / "none.txt"))
