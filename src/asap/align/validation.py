"""Pictures of the model under training, of the same prompts and seeds at intervals."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from asap import store
from asap.align import prompts
from asap.align.card import SAMPLES
from asap.align.train import Config
from asap.backbones.backbone import Backbone
from asap.records import Image

FOLDER = "validation"
TILE, HEAD, GAP, SHOWN = 176, 26, 14, 8  # of the sheet: pixels of a tile, a head, a gap; columns at most


class Validation:
    """Draws `prompts`, `seeds` times each, into `out`/validation/step-000100 and so on.

    Text encoders are in memory only while this is made, and the denoiser is the one in training: a picture
    is what the published LoRA would give at that step. Nothing that training uses is changed.
    """

    def __init__(
        self, backbone: Backbone, prompts: Sequence[str], out: Path, *, seeds: int, seed: int,
        steps: int | None, size: int | None,
    ) -> None:  # fmt: skip
        self._backbone, self._out = backbone, out
        self._prompts = [prompt for prompt in prompts for _ in range(seeds)]
        self._seeds = [
            store.seed_of(seed, "validation", prompt, k) for prompt in prompts for k in range(seeds)
        ]
        self._steps, self._size = steps, size
        with torch.random.fork_rng(), backbone.remembering():
            for prompt in prompts:
                backbone.generate([prompt], [0], steps=1, size=size)

    def draw(self, step: int) -> list[Image]:
        """The pictures at `step`, drawn unless they are there, and the sheet of all steps."""
        folder = self._out / FOLDER / f"step-{step:06}"
        paths = [folder / f"{number:02}.png" for number in range(len(self._prompts))]
        if not all(path.exists() for path in paths):
            with torch.random.fork_rng():
                images = [
                    self._backbone.generate([prompt], [seed], steps=self._steps, size=self._size)[0]
                    for prompt, seed in zip(self._prompts, self._seeds)
                ]
            for path, image in zip(paths, images):
                store.write_atomic(path, _encoded(image, "PNG"))
            told = {"prompts": self._prompts, "seeds": self._seeds}
            store.write_atomic(self._out / FOLDER / "prompts.json", store.to_json(told, indent=2) + "\n")
        store.write_atomic(self._out / SAMPLES, sheet(self._out / FOLDER, self._prompts))
        return [np.asarray(Pillow.open(path).convert("RGB")) for path in paths]

    def forget_after(self, step: int) -> None:
        """Remove pictures of steps after `step`, which will be done again."""
        for folder in (self._out / FOLDER).glob("step-*"):
            if int(folder.name.removeprefix("step-")) > step:
                for path in folder.glob("*.png"):
                    path.unlink()
                folder.rmdir()


def of(config: Config, backbone: Backbone) -> Validation | None:
    """What `config` asks for; None where it asks for no pictures."""
    if not (config.validate_every and config.validation_prompts):
        return None
    return Validation(
        backbone,
        prompts.read(config.validation_prompts, config.validation_seeds),
        config.out,
        seeds=config.validation_seeds,
        seed=config.seed,
        steps=config.validation_steps,
        size=config.resolution,
    )


def log(images: Sequence[Image], accelerator: Any, step: int) -> None:
    """Hand the pictures to the trackers."""
    for tracker in accelerator.trackers:
        if tracker.name == "tensorboard":
            tracker.log_images({FOLDER: np.stack(images)}, step=step, dataformats="NHWC")
        elif tracker.name == "wandb":
            tracker.log_images({FOLDER: list(images)}, step=step)


def sheet(folder: Path, prompts: Sequence[str]) -> bytes:
    """A JPEG with a row per picture and a column per step; of many steps some, with the first and last.

    Many pictures of few steps stand side by side, so that the sheet is not much higher than wide.
    """
    steps = sorted(folder.glob("step-*"))
    if len(steps) > SHOWN:
        steps = [steps[round(i * (len(steps) - 1) / (SHOWN - 1))] for i in range(SHOWN)]
    blocks = blocks_of(len(prompts), len(steps))
    rows, width = -(-len(prompts) // blocks), len(steps) * TILE
    canvas = Pillow.new("RGB", (blocks * (width + GAP) - GAP, rows * (TILE + HEAD) + HEAD), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for number, prompt in enumerate(prompts):
        block, row = divmod(number, rows)
        left, top = block * (width + GAP), HEAD + row * (TILE + HEAD)
        if row == 0:
            _heads(pen, left, steps)
        place = (left + 4, top + HEAD / 2)
        pen.text(place, _cut(pen, prompt, width - 8), fill=(30, 33, 38), font=font, anchor="lm")
        for column, step in enumerate(steps):
            with Pillow.open(step / f"{number:02}.png") as picture:
                canvas.paste(_tile(picture), (left + column * TILE + 2, top + HEAD))
    return _encoded(np.asarray(canvas), "JPEG")


def blocks_of(rows: int, columns: int) -> int:
    """Into how many blocks side by side, at most `SHOWN` columns wide, a high and narrow table is cut."""
    for blocks in range(1, max(1, SHOWN // columns)):
        if -(-rows // blocks) <= blocks * columns:
            return blocks
    return max(1, min(rows, SHOWN // columns))


def _heads(pen: ImageDraw.ImageDraw, left: int, steps: Sequence[Path]) -> None:
    """The steps' names over the columns of a block."""
    font = ImageFont.load_default(14)
    for column, step in enumerate(steps):
        number = int(step.name.removeprefix("step-"))
        name = f"step {number}" if number else "untrained"
        place = (left + column * TILE + TILE / 2, HEAD / 2)
        pen.text(place, name, fill=(93, 99, 109), font=font, anchor="mm")


def _tile(picture: Pillow.Image) -> Pillow.Image:
    side = TILE - 4
    how = Pillow.Resampling.NEAREST if max(picture.size) < side else Pillow.Resampling.LANCZOS
    return picture.convert("RGB").resize((side, side), how)


def _cut(pen: ImageDraw.ImageDraw, text: str, width: float) -> str:
    """`text`, cut so that it is no wider than `width` pixels."""
    font = ImageFont.load_default(14)
    if pen.textlength(text, font=font) <= width:
        return text
    while text and pen.textlength(text + "...", font=font) > width:
        text = text[:-1]
    return text + "..."


def _encoded(image: Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, kind, quality=88)
    return buffer.getvalue()
