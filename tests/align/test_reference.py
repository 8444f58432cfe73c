"""The reference's errors made beforehand: equal to the live ones, resumable, refused when stale, shared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from asap.align import forward, latents, loop, reference, train
from asap.align.cut import Cut
from asap.align.draws import Shown, draw
from asap.backbones import lora
from asap.backbones.load import load
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.store import read_rows
from tiny_runs import tiny_run

DRAWS = 3


settings = partial(tiny_run, steps=6)


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_cached_errors_are_those_of_the_adapter_switched_off(
    family: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path
) -> None:
    backbone = load(str(request.getfixturevalue(family)))
    data = latents.prepare(backbone, str(pairs), tmp_path, Cut(32, 1))
    cached = reference.prepare(backbone, data, draws=DRAWS, seed=4, batch_size=4)
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=0)
    for turn in range(DRAWS):
        shown, batch = [Shown(pair, turn) for pair in range(6)], data.batch(range(6))
        live = forward.reference_errors(backbone, batch, *draw(backbone, batch.winner, 4, shown))
        for one, other in zip(live, cached.errors(shown)):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_a_run_on_cached_errors_ends_as_one_beside_the_reference(
    family: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path
) -> None:
    """Six pairs, two a step, six steps: two epochs, so two draws are never used again."""
    model: Path = request.getfixturevalue(family)
    live = train.run(settings(model, pairs, tmp_path / "live"))
    cached = train.run(settings(model, pairs, tmp_path / "cached", reference="cached", draws=2))
    for name, tensor in load_file(live / WEIGHTS).items():
        torch.testing.assert_close(load_file(cached / WEIGHTS)[name], tensor, rtol=1e-3, atol=2e-4)
    losses = [[row["loss"] for row in read_rows(out / loop.LOG)] for out in (live, cached)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_loop_never_runs_the_reference(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_ = settings(flux, pairs, tmp_path / "run", reference="cached", draws=2)
    train.run(replace(settings_, steps=1))

    def never(*_: object) -> None:
        raise AssertionError("the reference ran")

    monkeypatch.setattr(forward, "reference_errors", never)
    monkeypatch.setattr(reference, "errors_of_both", never)  # nor is the cache made again
    train.run(settings_)


def test_a_draw_comes_again_after_all_others(flux: Path, pairs: Path, tmp_path: Path) -> None:
    cached = reference.CachedErrors(tmp_path, DRAWS)
    assert [cached.draw_of(Shown(9, turn)).turn for turn in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_an_interrupted_cache_goes_on_and_another_one_is_made_beside_it(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 2)
    monkeypatch.setattr(reference, "SHARD", 2)
    backbone = load(str(flux))
    data = latents.prepare(backbone, str(pairs), tmp_path, Cut(32, 1))
    whole = reference.prepare(backbone, data, draws=DRAWS, seed=0)
    files = sorted(whole.folder.glob("errors-*"))
    assert len(files) == 3
    before, stamp = files[1].read_bytes(), files[0].stat().st_mtime_ns
    files[1].unlink()
    again = reference.prepare(backbone, data, draws=DRAWS, seed=0)
    assert files[1].read_bytes() == before and files[0].stat().st_mtime_ns == stamp
    others = [reference.prepare(backbone, data, draws=d, seed=s).folder for d, s in ((2, 0), (DRAWS, 1))]
    assert len({again.folder, *others}) == 3


def test_processes_share_the_work(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 2)
    monkeypatch.setattr(reference, "SHARD", 2)
    backbone = load(str(flux))
    data = latents.prepare(backbone, str(pairs), tmp_path, Cut(32, 1))
    made = [
        {
            p.name
            for p in reference.prepare(backbone, data, draws=2, seed=0, share=share).folder.glob("errors-*")
        }
        for share in (latents.Share(1, 2), latents.Share(0, 2))
    ]
    assert made == [{"errors-00001.safetensors"}, {f"errors-{i:05}.safetensors" for i in range(3)}]


def test_a_damaged_cache_is_named(flux: Path, pairs: Path, tmp_path: Path) -> None:
    run = settings(flux, pairs, tmp_path / "run", steps=1, reference="cached", draws=2)
    train.run(run)
    next((run.out / "latents").rglob("errors-00000*")).write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"errors-00000\.safetensors is damaged"):
        train.run(replace(run, steps=2))


def test_runs_share_a_cache_over_alpha_and_tau(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = settings(flux, pairs, tmp_path / "one", reference="cached", draws=2, cache=tmp_path / "cache")
    train.run(plain)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors")}
    assert len(made) == 3 and not (plain.out / "latents").exists()
    other = train.run(replace(plain, out=tmp_path / "two", alpha=3.0, tau=0.02, objective="relative"))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors")} == made
    assert (other / WEIGHTS).read_bytes() != (plain.out / WEIGHTS).read_bytes()


def test_live_and_cached_are_different_runs(flux: Path, pairs: Path, tmp_path: Path) -> None:
    run = settings(flux, pairs, tmp_path / "run", steps=1)
    train.run(run)
    with pytest.raises(UserError, match="reference was 'live', now 'cached'"):
        train.run(replace(run, steps=2, reference="cached"))
