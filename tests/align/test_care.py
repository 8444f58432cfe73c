"""A run that is looked after: caught when it goes wrong, brought back to where it was good, averaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from asap.align import care, checkpoint, loop, train
from asap.align.average import Average
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from asap.pairs import figures
from asap.store import read_rows
from tiny_runs import tiny_run

config = partial(tiny_run, overlays=0)


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return figures.run(figures.Config(tmp_path_factory.mktemp("hands") / "pairs", pairs=24))


def on_hands(data: Path, out: Path, **changes: Any) -> train.Config:
    """A real model, small as it is: `mini-hand`, which forgets how to draw at a high rate."""
    settings = {"resolution": None, "tau": None, "batch_size": 4, "rank": 8} | changes
    return config(Path("mini-hand"), data, out, **settings)


def test_an_absurd_rate_is_caught_and_its_last_good_checkpoint_loads(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Well at a small rate, then the rate is absurd, as a schedule that was set wrong would have it."""
    slow = {"learning_rate": 1e-4, "checkpoint_every": 10}
    settings = on_hands(
        hands, tmp_path / "run", steps=40, learning_rate=1e-4, checkpoint_every=10, batch_size=1
    )
    train.run(settings)
    assert "trouble" not in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(care.Care, "scale", property(lambda self: 1e3))
        with pytest.raises(UserError, match=r"over-optimisation.*last good checkpoint, of step 10, is kept"):
            train.run(replace(settings, steps=90, on_trouble="stop", checkpoint_every=1))
    rows = list(read_rows(settings.out / loop.LOG))
    assert "worse than by the untrained model" in rows[-1]["warning"] and 40 < len(rows) < 50
    assert "asap: step" in capsys.readouterr().err
    train.run(replace(settings, steps=10))
    before = train.run(on_hands(hands, tmp_path / "before", steps=10, batch_size=1, **slow))
    assert same((settings.out, before), (WEIGHTS, loop.CHECKPOINT)), "as if nothing had happened"
    train.run(replace(settings, steps=12))
    assert [row["step"] for row in read_rows(settings.out / loop.LOG)] == list(range(12))


def test_at_an_absurd_rate_from_the_start_nothing_is_called_good(hands: Path, tmp_path: Path) -> None:
    settings = on_hands(hands, tmp_path / "run", steps=60, learning_rate=0.1, on_trouble="stop")
    with pytest.raises(UserError, match="no checkpoint that is known to be good"):
        train.run(replace(settings, checkpoint_every=50))
    rows = list(read_rows(settings.out / loop.LOG))
    assert len(rows) < 20 and "over-optimisation" in rows[-1]["warning"]
    late = replace(settings, out=tmp_path / "late", on_trouble="warn", steps=20)
    train.run(late)
    with pytest.raises(UserError, match="no checkpoint that is known to be good"):
        train.run(replace(late, steps=60, on_trouble="stop"))


def test_lowering_halves_the_rate_and_resumes_bit_for_bit(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = on_hands(hands, tmp_path / "whole", steps=24, learning_rate=0.1, checkpoint_every=10)
    train.run(whole)
    assert "the run ended in trouble, not well since step " in capsys.readouterr().err
    rows = list(read_rows(whole.out / loop.LOG))
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] == 0.1 and rates[-1] == 0.05
    assert [row["step"] + 1 for row in rows if "halved" in row.get("warning", "")] == [rates.index(0.05)]
    parts = replace(whole, out=tmp_path / "parts")
    for steps in (7, 15, 24):
        train.run(replace(parts, steps=steps))
    assert same((whole.out, parts.out), (WEIGHTS, loop.LOG, loop.CHECKPOINT))


def same(folders: Iterable[Path], files: Iterable[str]) -> bool:
    return all(len({(folder / name).read_bytes() for folder in folders}) == 1 for name in files)


class Files(care.Care):
    """A run's files alone: what is in them is the step, and `ill` is since when the watch sees trouble."""

    def __init__(self, out: Path) -> None:
        self._out, self._main, self._rows, self._state = out, True, [], {}
        self.ill: int | None = None
        self._work = SimpleNamespace(learner=SimpleNamespace(named={}), optimizer=None)  # type: ignore[assignment]
        self._watch = self  # type: ignore[assignment]

    def write_card(self) -> None:
        """Of no run."""

    @property
    def calm(self) -> bool:
        return self.ill is None

    @property
    def ill_since(self) -> int | None:
        return self.ill

    def run(self, *steps: int) -> None:
        for step in steps:
            self.save(step)

    def steps(self) -> dict[str, int]:
        files = sorted(self._out.glob("*.safetensors"))
        return {file.stem: checkpoint.step_of(file) for file in files}


@pytest.mark.parametrize(
    ("steps", "ill", "kept"),
    [
        ((50, 100), 120, 50),  # the one of 100 is too near to the trouble
        ((50, 100), 125, 100),
        ((50, 100), None, 100),  # it is not finite, out of a clear sky, at step 140
        (tuple(range(1, 100)), 99, 51),  # candidates are 1, 26, 51 and so on
        ((20,), 30, None),
    ],
)
def test_a_stopped_run_goes_back_to_before_the_trouble(
    tmp_path: Path, steps: tuple[int, ...], ill: int | None, kept: int | None
) -> None:
    files = Files(tmp_path)
    files.run(*steps)
    files.ill = ill
    message = str(files._abandon(140 if ill is None else ill + 3, "it is bad"))
    if kept is None:
        assert "known to be good" in message and files.steps() == {"checkpoint": steps[-1]}
    else:
        assert f"of step {kept}, is kept" in message
        assert files.steps() == {"checkpoint": kept, "good": kept}


def test_checkpoints_in_trouble_do_not_take_the_place_of_a_good_one(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.run(50, 100, 150)
    assert files.steps() == {"candidate": 150, "checkpoint": 150, "good": 100}
    assert (tmp_path / care.CANDIDATE).stat().st_ino == (tmp_path / care.CHECKPOINT).stat().st_ino
    files.ill = 160
    files.run(200, 250)
    assert files.steps() == {"checkpoint": 250, "good": 100}
    files.ill = None
    files.run(300, 350)
    assert files.steps() == {"candidate": 350, "checkpoint": 350, "good": 300}


def test_the_average_is_what_its_formula_says() -> None:
    parameter = nn.Parameter(torch.zeros(3))
    average = Average({"w": parameter}, decay=0.5)
    expected = torch.zeros(3)
    for step in range(12):
        with torch.no_grad():
            parameter.copy_(torch.tensor([1.0, step, step**2]))
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * parameter.detach()
    before = parameter.detach().clone()
    with average.applied():
        torch.testing.assert_close(parameter.detach(), expected)
    assert torch.equal(parameter, before)


def test_with_an_average_it_is_published_and_the_rest_is_as_without(
    flux: Path, pairs: Path, tmp_path: Path
) -> None:
    plain = train.run(config(flux, pairs, tmp_path / "plain", steps=6))
    averaged = config(flux, pairs, tmp_path / "averaged", steps=6, ema=0.9)
    train.run(averaged)
    raw, published = averaged.out / care.RAW / WEIGHTS, averaged.out / WEIGHTS
    assert raw.read_bytes() == (plain / WEIGHTS).read_bytes() != published.read_bytes()
    state = load_file(averaged.out / loop.CHECKPOINT)
    ours = sorted((t.flatten().tolist() for n, t in state.items() if n.startswith("state/ema/")))
    assert ours == sorted(t.flatten().tolist() for t in load_file(published).values())
    parts = replace(averaged, out=tmp_path / "parts")
    for steps in (1, 4, 6):
        train.run(replace(parts, steps=steps))
    assert same((averaged.out, parts.out), (WEIGHTS, f"{care.RAW}/{WEIGHTS}", loop.CHECKPOINT))


@pytest.mark.parametrize("change", [{"ema": 1.0}, {"ema": -0.1}, {"overlays": -1}])
def test_settings_that_cannot_work(flux: Path, pairs: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="must be at least 0"):
        train.run(config(flux, pairs, tmp_path / "run", **change))
