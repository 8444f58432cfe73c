"""Folders of images, and `asap study` on them as a process of its own, for tests of the page."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from skimage import data

import reviews
from asap.study import run
from asap.study.folder import Study

MODELS = ("secretive-base", "secretive-tuned")
FACE = Image.fromarray(data.astronaut()[:160, 120:300])


def images(folder: Path, name: str, count: int) -> Path:
    """`count` images of as many prompts, whose names, metadata and captions tell the model's name."""
    place = folder / name
    place.mkdir(parents=True)
    rows = []
    for number in range(count):
        told = PngImagePlugin.PngInfo()
        told.add_text("parameters", f"made by {name}")
        turned = np.roll(np.asarray(FACE), (7 * number, 5 * MODELS.index(name) + 3), (1, 0))
        Image.fromarray(turned).save(place / f"{name}-{number}.png", pnginfo=told)
        row = {"file_name": f"{name}-{number}.png", "id": f"{name}-{number}", "prompt_id": f"p{number}"}
        rows.append(row | {"seed": 7, "text": f"a portrait <b>{name}</b>", "category": "face"})
    (place / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def both(folder: Path, count: int) -> tuple[Path, Path]:
    first, second = (images(folder, name, count) for name in MODELS)
    return first, second


def gold(folder: Path) -> Path:
    """Known images, of which one tells its truth by its name."""
    FACE.save(folder / "truly-correct.png")
    FACE.rotate(180).save(folder / "truly-wrong.png")
    rows = [
        {"image": "truly-correct.png", "verdict": "correct"},
        {"image": "truly-wrong.png", "verdict": "error"},
        {"better": "truly-correct.png", "worse": "truly-wrong.png"},
    ]
    (folder / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "gold.jsonl"


def made(folder: Path, count: int, **options: object) -> Study:
    """A study of two folders of `count` images in `folder`/study."""
    config = run.Config(both(folder, count), folder / "study", **options)  # type: ignore[arg-type]
    return run.prepare(config)


class Server(reviews.Server):
    """`asap study`, with the raters' links it printed."""

    stage = "study"

    def links(self) -> list[str]:
        found = re.findall(r"http://\S+/r/(\S+)", self.printed)
        return [f"{self.url}/r/{token}" for token in found]


def serving(folder: Path, port: int = 0, *options: str) -> AbstractContextManager[Server]:
    """The study that `made` put in `folder`/study is served as it is."""
    words = [str(folder / name) for name in MODELS if (folder / name).is_dir()]
    return reviews.running(Server([*words, "--out", str(folder / "study"), *options], port))
