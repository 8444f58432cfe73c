"""`asap figures`: a dataset like any other, with exact truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import datasets
import numpy as np
import pytest

import processes
from asap import store
from asap.errors import UserError
from asap.figures import scenes
from asap.pairs import figures
from asap.records import Pair


def test_the_dataset_loads_in_one_line_and_is_exact(tmp_path: Path) -> None:
    out = figures.run(figures.Config(tmp_path / "hap", pairs=20, look=1.0))
    rows = datasets.load_dataset(str(out), split="train")
    assert len(rows) == 20 and len(set(rows["id"])) == 20
    for row in rows:
        chosen, rejected, mask = (np.asarray(row[name]) for name in ("chosen", "rejected", "mask"))
        assert chosen.shape == (24, 24, 3)
        assert np.array_equal(chosen[mask == 0], rejected[mask == 0])
        assert (chosen != rejected).any(axis=-1).sum() == (mask == 255).sum()
        left, top, right, bottom = row["box"]
        assert mask[top:bottom, left:right].sum() == mask.sum()
        assert row["part"] == "hand" and row["ssim_inside"] < row["ssim_outside"]


def test_two_folders_of_one_name_are_not_confused(tmp_path: Path) -> None:
    """A `configs` block in the card would make `datasets` cache by the folder's name alone."""
    sizes = {}
    for place, pairs in (("a", 2), ("b", 3)):
        out = figures.run(figures.Config(tmp_path / place / "hap-of-one-name", pairs=pairs, seed=pairs))
        sizes[pairs] = len(datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache")))
    assert sizes == {2: 2, 3: 3}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (figures.run(figures.Config(tmp_path / name, pairs=12, prompts=3)) for name in "ab")
    assert len(contents(one)) >= 4
    assert contents(one) == contents(two)


def test_a_finished_dataset_is_not_drawn_again_and_an_unfinished_one_is(tmp_path: Path) -> None:
    config = figures.Config(tmp_path / "hap", pairs=4, prompts=2)
    folder = figures.run(config)
    table = next((folder / "data").iterdir())
    drawn, written = table.stat().st_ino, table.read_bytes()
    figures.run(config)
    assert table.stat().st_ino == drawn
    (folder / "contact_sheet.html").unlink()  # it comes to its place last of all
    table.write_bytes(b"half")
    figures.run(config)
    assert table.read_bytes() == written and (folder / "contact_sheet.html").exists()


@pytest.mark.parametrize(("kind", "size", "pairs"), [("hands", 24, 150), ("people", 192, 17)])
def test_several_processes_draw_what_one_draws(kind: str, size: int, pairs: int, tmp_path: Path) -> None:
    one, two = (
        figures.Config(tmp_path / str(workers), pairs, size=size, kind=kind, workers=workers)  # type: ignore[arg-type]
        for workers in (1, 2)
    )
    assert contents(figures.run(one)) == contents(figures.run(two))


def contents(folder: Path) -> dict[str, bytes]:
    """What the folder holds, without the command that made it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "config.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_killed_it_goes_on_with_the_chunks_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = figures.run(figures.Config(tmp_path / "whole", 200))
    config, draw, drawn = figures.Config(tmp_path / "hap", 200), figures.draw, []

    def killed(config: figures.Config, numbers: range) -> Iterator[Pair]:
        drawn.append(numbers.start)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return draw(config, numbers)

    monkeypatch.setattr(figures, "draw", killed)
    with pytest.raises(KeyboardInterrupt):
        figures.run(config)
    assert not (config.out / "data").exists()
    figures.run(config)
    assert drawn == [0, 64, 128, 128, 192]
    assert contents(config.out) == contents(whole)


def test_killed_with_its_processes_it_still_ends_the_same(tmp_path: Path) -> None:
    whole = figures.run(figures.Config(tmp_path / "whole", 400, look=1.0))
    out = tmp_path / "hap"
    words = ["figures", "--pairs", 400, "--look", 1, "--workers", 2, "--out", out]
    processes.start(*words).ends_when(lambda: bool(list(out.glob(".work/*.parquet"))))
    assert not (out / "data").exists()
    assert processes.asap(*words).returncode == 0
    assert contents(out) == contents(whole)


def test_prompts_are_written_with_their_facts(tmp_path: Path) -> None:
    out = figures.run(figures.Config(tmp_path / "hap", pairs=1, prompts=5))
    rows = list(store.read_rows(out / figures.PROMPTS))
    assert len(rows) == 5
    assert all(scenes.scene_of(row["facts"]).caption == row["text"] for row in rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"pairs": 0}, "at least 1"), ({"size": 5}, "between 16"), ({"look": 2.0}, "between 0 and 1")],
)
def test_numbers_that_cannot_be(tmp_path: Path, change: dict[str, float], said: str) -> None:
    with pytest.raises(UserError, match=said):
        figures.run(figures.Config(tmp_path / "hap", **change))  # type: ignore[arg-type]


def test_it_ends_with_what_to_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "hap"
    figures.main(["--out", str(out), "--pairs", "3"])
    told = capsys.readouterr().out
    assert told == f"{out}: 3 pairs\nLook at them: {out / 'contact_sheet.html'}\n"
    assert (out / "contact_sheet.html").is_file()
