"""What several tests need: tiny models, a small dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tiny import tiny_flux, tiny_sdxl


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flux(tmp_path_factory.mktemp("flux"))


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


def write_pairs(folder: Path, count: int = 6, height: int = 40, width: int = 48) -> Path:
    """A HAP dataset of noise, written with plain `datasets`: each pair differs in one rectangle."""
    import datasets
    from PIL import Image

    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        chosen = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), np.uint8)
        mask[10:20, 12 + i : 24 + i] = 255
        rejected = np.where(mask[..., None] > 0, 255 - chosen, chosen)
        pictures = {"chosen": chosen, "rejected": rejected, "mask": mask}
        row = {name: Image.fromarray(picture) for name, picture in pictures.items()}
        rows.append({"id": f"{i:016x}", "prompt": f"a photo of person {'abc'[i % 3]}", **row})
    kinds = {"id": datasets.Value("string"), "prompt": datasets.Value("string")}
    features = datasets.Features(
        {**kinds, **{name: datasets.Image() for name in ("chosen", "rejected", "mask")}}
    )
    (folder / "data").mkdir(parents=True)
    data = datasets.Dataset.from_list(rows, features=features)
    data.to_parquet(str(folder / "data" / "train-00000-of-00001.parquet"))
    return folder


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))
