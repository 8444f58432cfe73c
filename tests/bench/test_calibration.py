"""The labelled set, the judges on it, and the record of their errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from asap.bench.calibration import labelled, measure, record
from asap.bench.corrected import Tally
from asap.bench.judges.hands.network import Network
from asap.bench.judges.hands.pictures import gesture_of
from asap.bench.judges.people.pictures import scene_of
from asap.errors import UserError
from asap.figures import hands, scenes
from asap.store import append_rows, read_rows, seed_of, to_json

COLUMNS = 5


def write_set(folder: Path, count: int = 40) -> Path:
    """Renders as a labelled set: even ones correct, odd ones with an error, each tenth unsure."""
    drawn = [scenes.scene(seed_of("calibration test", i)) for i in range(count)]
    errors = [hands.possible_errors(s.gesture)[0] if i % 2 else None for i, s in enumerate(drawn)]
    pictures = scenes.draw(drawn, errors, [seed_of("pose", i) for i in range(count)], size=24).faulty
    mosaic = pictures.reshape(-1, COLUMNS, 24, 24, 3).transpose(0, 2, 1, 3, 4).reshape(-1, COLUMNS * 24, 3)
    Pillow.fromarray(np.ascontiguousarray(mosaic)).save(folder / "hands.png")
    rows = []
    for i, scene in enumerate(drawn):
        truth = "unsure" if i % 10 == 9 else "error" if i % 2 else "correct"
        named = {"id": f"{i:03}", "text": scene.caption, "gesture": scene.gesture, "model": "ab"[i % 4 // 2]}
        rows.append({**named, "label_a": truth, "label_b": "error" if i == 0 else truth, "label": truth})
    append_rows(folder / "hands.jsonl", rows)
    return folder


def test_tiles_are_cut_row_by_row() -> None:
    mosaic = np.arange(50 * 73 * 3, dtype=np.uint32).astype(np.uint8).reshape(50, 73, 3)
    cut = labelled.tiles(mosaic, 24)
    assert cut.shape == (6, 24, 24, 3)
    assert np.array_equal(cut[1], mosaic[:24, 24:48]) and np.array_equal(cut[5], mosaic[24:48, 48:72])


def test_counts_are_those_of_known_truth(tmp_path: Path) -> None:
    known = labelled.read(folder=write_set(tmp_path))
    assert len(known) == 40 and known.wrong().sum() == 16 and known.sure().sum() == 36
    assert known.labellers() == (16, 0, 1, 19)
    made = measure.measure(known)
    assert (made["count"], made["errors"], made["correct"], made["unsure"]) == (40, 16, 20, 4)
    for row in made["judges"]:
        found = record.read_tally(row)
        assert (found.faulty, found.sound) == (16, 20) and found.caught >= 15 and found.right >= 19
        parts = [record.read_tally(counts) for counts in row["by_model"].values()]
        assert Tally(*map(sum, zip(*parts, strict=True))) == found
    assert made["between_judges"]["kappa"] > 0.8
    assert made["labellers"]["kappa"] == pytest.approx(
        1 - (1 / 36) / (1 - (16 * 17 + 20 * 19) / 36**2), abs=1e-6
    )


def test_the_report_finds_a_judge_by_name_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = measure.measure(labelled.read(folder=write_set(tmp_path)))
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    assert record.calibration_of("network", Network().settings) is None
    (tmp_path / "hands.json").write_text(to_json(made))
    found = record.calibration_of("network", json.loads(to_json(Network().settings)))
    assert found is not None and found.tally == record.read_tally(made["judges"][1])
    assert set(found.by_model) == {"a", "b"}
    assert record.calibration_of("network", {**Network().settings, "threshold": 0.9}) is None
    assert record.calibration_of("vlm", None) is None


SETS = [name for name in labelled.SIZES if labelled.there(name)]


@pytest.mark.parametrize("name", SETS)
def test_the_record_counts_what_the_judges_called_the_pictures(name: str) -> None:
    known, written = labelled.read(name), json.loads((record.FOLDER / f"{name}.json").read_text())
    assert written["set"] == known.id
    sure, wrong = known.sure(), known.wrong()
    for row in written["judges"]:
        called = np.array([letter == "e" for letter in row["called"]])
        cells = (wrong & called, wrong & ~called, ~wrong & called, ~wrong & ~called)
        tally = Tally(*(int((cell & sure).sum()) for cell in cells))
        assert tally == record.read_tally(row)
        assert tally == Tally(*map(sum, zip(*map(record.read_tally, row["by_model"].values()), strict=True)))


@pytest.mark.parametrize("name", SETS)
def test_the_judges_in_the_package_still_call_the_pictures_what_the_record_says(name: str) -> None:
    """Whoever changes a judge, its threshold or a label measures again: benchmarks/calibration.py --write.

    Of people, looked at again are all pictures of a few captions, whose renders, the dear part, they share.
    """
    known = labelled.read(name)
    written = json.loads((record.FOLDER / f"{name}.json").read_text())["judges"]
    captions = list(dict.fromkeys(row["text"] for row in known.rows))
    captions = captions[:60:12] if name == "people" else captions
    few = [i for i, row in enumerate(known.rows) if row["text"] in captions]
    part = replace(known, rows=[known.rows[i] for i in few], pictures=known.pictures[few])
    for judge, row in zip(measure.judges(name), written, strict=True):
        found = record.calibration_of(judge.name, judge.settings)
        assert found is not None and found.subject == name and found.tally == record.read_tally(row)
        called, _ = measure.opinions(judge, part)
        wanted = [row["called"][i] == "e" for i in few]
        assert called.tolist() == wanted and 3 < sum(wanted) < len(wanted) - 3


@pytest.mark.parametrize("name", SETS)
def test_the_set_in_the_package_is_whole(name: str) -> None:
    known = labelled.read(name)
    assert len({row["id"] for row in known.rows}) == len(known) >= 300
    assert known.pictures.std(axis=(1, 2, 3)).min() > 5  # no empty tile
    for sample in known.samples:
        assert gesture_of(sample) if name == "hands" else scene_of(sample)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "wrong"}, "line 1: no label 'wrong'; write one of"),
        ({"text": 3}, 'line 1: "text" should be'),
    ],
)
def test_rows_that_are_none_are_told(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write_set(tmp_path)
    rows = list(read_rows(tmp_path / "hands.jsonl"))
    (tmp_path / "hands.jsonl").unlink()
    append_rows(tmp_path / "hands.jsonl", [{**rows[0], **change}])
    with pytest.raises(UserError, match=message):
        labelled.read(folder=tmp_path)


def test_too_few_tiles_and_no_set_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give the folder of a labelled set"):
        labelled.read(folder=tmp_path)
    write_set(tmp_path)
    Pillow.new("RGB", (48, 24)).save(tmp_path / "hands.png")
    with pytest.raises(UserError, match="has 2 tiles for 40 rows"):
        labelled.read(folder=tmp_path)
