"""The cache: geometry, resume, refusals."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
import torch

from asap.align import latents
from asap.align.cut import Cut
from asap.backbones.load import load
from asap.errors import UserError
from tiny import tiny_flux, write_pairs


def cached(flux: Path, pairs: Path, folder: Path, resolution: int = 32) -> latents.CachedPairs:
    return latents.prepare(load(str(flux)), str(pairs), folder, Cut(resolution, 1))


def test_latents_differ_near_the_region_only(flux: Path, pairs: Path, tmp_path: Path) -> None:
    batch = cached(flux, pairs, tmp_path).batch(range(6))
    assert batch.winner.shape == (6, 4, 16, 16) and batch.weight.shape == (6, 16, 16)
    assert set(batch.weight.unique().tolist()) == {0.0, 1.0}
    differs = (batch.winner - batch.loser).abs().amax(1)
    # the tiny VAE's group norms spread a little everywhere; the bulk lies within the weight
    assert differs[batch.weight > 0].mean() > 3 * differs[batch.weight == 0].mean()


def test_captions_are_encoded_once_each(flux: Path, pairs: Path, tmp_path: Path) -> None:
    data = cached(flux, pairs, tmp_path)
    batch = data.batch([0, 3, 1])
    assert torch.equal(batch.condition["embeddings"][0], batch.condition["embeddings"][1])
    assert not torch.equal(batch.condition["embeddings"][0], batch.condition["embeddings"][2])
    from safetensors import safe_open

    with safe_open(tmp_path / "prompts-00000.safetensors", framework="pt") as file:
        assert sorted(key for key in file.keys() if "pooled" in key) == [f"pooled.{i}" for i in range(3)]  # noqa: SIM118


def test_sdxl_keeps_the_framing(sdxl: Path, pairs: Path, tmp_path: Path) -> None:
    data = latents.prepare(load(str(sdxl)), str(pairs), tmp_path, Cut(32, 1))
    ids = data.batch([0]).condition["time_ids"]
    assert ids.shape == (1, 6) and ids[0, :2].tolist() == [40, 48] and ids[0, 4:].tolist() == [32, 32]


def test_an_interrupted_cache_is_finished_without_touching_what_exists(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 2)
    whole = cached(flux, pairs, tmp_path / "whole")
    cached(flux, pairs, tmp_path / "cut")
    (tmp_path / "cut" / "pairs-00001.safetensors").unlink()
    before = (tmp_path / "cut" / "pairs-00000.safetensors").stat().st_mtime_ns
    again = cached(flux, pairs, tmp_path / "cut")
    assert (tmp_path / "cut" / "pairs-00000.safetensors").stat().st_mtime_ns == before
    for name in ("winner", "loser", "weight"):
        assert torch.equal(getattr(again.batch(range(6)), name), getattr(whole.batch(range(6)), name))


def test_processes_share_the_work_and_make_the_same_cache(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 1)
    cached(flux, pairs, tmp_path / "whole")
    for process in (1, 0):
        latents.prepare(
            load(str(flux)), str(pairs), tmp_path / "shared", Cut(32, 1),
            share=latents.Share(process, 2),
        )  # fmt: skip
        made = sorted(path.stem for path in (tmp_path / "shared").glob("pairs-*"))
        assert made == [f"pairs-{i:05}" for i in range(process, 6, 1 + process)]
    for path in (tmp_path / "whole").glob("*.*"):
        assert path.read_bytes() == (tmp_path / "shared" / path.name).read_bytes(), path


def test_a_cache_of_other_data_or_resolution_is_refused(flux: Path, pairs: Path, tmp_path: Path) -> None:
    cached(flux, pairs, tmp_path / "cache")
    with pytest.raises(UserError, match="resolution was 32, now 16"):
        cached(flux, pairs, tmp_path / "cache", resolution=16)
    other = write_pairs(tmp_path / "other", count=4)
    with pytest.raises(UserError, match="with other data"):
        cached(flux, other, tmp_path / "cache")


def test_a_cache_of_other_pixels_or_weights_under_the_same_names_is_refused(tmp_path: Path) -> None:
    model, data = tiny_flux(tmp_path / "flux"), write_pairs(tmp_path / "pairs")
    cached(model, data, tmp_path / "cache")
    shutil.rmtree(data)
    write_pairs(data, seed=1)  # the same ids and captions
    with pytest.raises(UserError, match="with other data"):
        cached(model, data, tmp_path / "cache")
    shutil.rmtree(data)
    write_pairs(data)
    shutil.rmtree(model)
    tiny_flux(model, seed=1)
    with pytest.raises(UserError, match=r"with other (weights|parts)"):
        cached(model, data, tmp_path / "cache")


@pytest.mark.parametrize("resolution", [0, 7, 33])
def test_a_resolution_that_the_model_cannot_take(
    flux: Path, pairs: Path, tmp_path: Path, resolution: int
) -> None:
    with pytest.raises(UserError, match="takes multiples of 4"):
        cached(flux, pairs, tmp_path, resolution=resolution)


def test_a_dataset_without_rows(flux: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "some")
    file = next((tmp_path / "some").rglob("*.parquet"))
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(file).slice(0, 0), file)
    with pytest.raises(UserError, match="holds no pairs"):
        cached(flux, tmp_path / "some", tmp_path / "cache")
    file.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="a parquet file is damaged"):
        cached(flux, tmp_path / "some", tmp_path / "cache")


def test_small_pictures_are_told(
    flux: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached(flux, pairs, tmp_path / "sharp", resolution=40)
    assert capsys.readouterr().err.count("enlarged") == 0
    cached(flux, pairs, tmp_path / "soft", resolution=48)
    told = capsys.readouterr().err
    assert "6 of 6 pairs are enlarged for 48 pixels, half of them 1.20 times" in told


def test_folders_without_a_dataset(flux: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no parquet"):
        cached(flux, tmp_path, tmp_path / "cache")
