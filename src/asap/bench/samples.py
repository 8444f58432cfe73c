"""A folder of generated images: `metadata.jsonl` beside the images, as Hugging Face's ImageFolder has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from asap.errors import UserError
from asap.records import Image, Sample
from asap.store import content_id, read_config, read_rows

METADATA = "metadata.jsonl"


def read_image(path: Path) -> Image | None:
    """The image in a file, or None where it is missing or damaged."""
    try:
        with Pillow.open(path) as file:
            return np.asarray(file.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None


def read(images: Path) -> list[Sample]:
    """The samples that `images/metadata.jsonl` lists.

    Only `file_name` must be there, so that folders made elsewhere can be judged too; what is left out is
    derived: `id` and `prompt_id` from the file's name, the caption from `text` or `prompt`, the seed from the
    image's place among those of its prompt.

    Raises:
        UserError: no such folder or file, no rows, a row without usable `file_name`, or two rows of one id or
            of one prompt and seed.
    """
    path = images / METADATA
    if not images.is_dir():
        raise UserError(f"{images}: no such folder; give a folder made by `asap generate`")
    if not path.is_file():
        raise UserError(
            f"{images}: no {METADATA} there; give a folder made by `asap generate`, or write one "
            "(docs/judging.md)"
        )
    samples: list[Sample] = []
    counts, seen = Counter[str](), set[object]()
    for number, row in enumerate(read_rows(path), 1):
        where = f"{path} line {number}"
        sample = _sample(row, where, counts)
        counts[sample.prompt_id] += 1
        if sample.id in seen:
            raise UserError(f"{where}: the id {sample.id!r} appears twice; remove one")
        if (sample.prompt_id, sample.seed) in seen:
            raise UserError(
                f"{where}: the prompt {sample.prompt_id!r} has an image with seed {sample.seed} already; "
                "give each of its images a seed of its own"
            )
        seen |= {sample.id, (sample.prompt_id, sample.seed)}
        samples.append(sample)
    if not samples:
        raise UserError(f"{path} lists no images; run `asap generate` first")
    return samples


def identity(images: Path) -> str:
    """What the images are: their settings where `asap generate` made them, else their folder's name."""
    if (images / "config.json").is_file():
        return content_id(read_config(images).get("identity"))
    return images.resolve().name


def _sample(row: dict[str, Any], where: str, counts: Mapping[str, int]) -> Sample:
    name = row.get("file_name")
    if not isinstance(name, str) or not name:
        raise UserError(f'{where}: "file_name" should name an image')
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(f"{where}: {name} lies outside the folder; list only images in it")
    stem = Path(name).with_suffix("").as_posix()
    identity = str(row.get("id") or stem)
    prompt_id = str(row.get("prompt_id") or identity)
    try:
        seed = int(counts[prompt_id] if row.get("seed") is None else row["seed"])
    except (TypeError, ValueError):
        raise UserError(f'{where}: "seed" should be a whole number') from None
    return Sample(
        id=identity,
        file_name=name,
        text=str(row.get("text") or row.get("prompt") or ""),
        prompt_id=prompt_id,
        category=str(row.get("category") or "all"),
        seed=seed,
        facts=row.get("facts") or {},
    )
