"""The laboratory from end to end on the embedded model, and again: nothing is done twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from asap.errors import UserError
from asap.lab import run as lab
from asap.lab.worlds import WORLDS
from asap.store import read_rows

TINY: dict[str, Any] = {
    "objectives": ("sft", "asap"),
    "seeds": 1,
    "steps": 2,
    "pairs": 32,
    "prompts": 6,
    "validation": 6,
}


def test_a_tiny_laboratory_and_its_resumption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: WORLDS["hands"].search[name][:2] for name in TINY["objectives"]}
    monkeypatch.setitem(WORLDS, "hands", replace(WORLDS["hands"], search=few, references=200))
    config = lab.Config(out=tmp_path / "lab", study="main", workers=1, **TINY)
    lab.run(config)
    rows = list(read_rows(tmp_path / "lab" / "results.jsonl"))
    assert {(r["study"], r["objective"]) for r in rows} == {
        (study, name) for study in ("choice", "main") for name in ("sft", "asap")
    }
    for row in rows:
        assert set(row["verdicts"]) == {"network", "figures"}
        assert all(len(v) == 6 and set(v) <= {"0", "1"} for v in row["verdicts"].values())
    text = (tmp_path / "lab" / "laboratory.md").read_text(encoding="utf-8")
    assert "## Main, on fresh prompts, training seeds: 1" in text and "| asap | 2 |" in text
    with Image.open(tmp_path / "lab" / "samples.png") as picture:
        assert picture.size == (110 + 6 * 76, 20 + 3 * 76)  # six prompts; base, sft and asap
    ElementTree.fromstring((tmp_path / "lab" / "main.svg").read_text(encoding="utf-8"))

    written = (tmp_path / "lab" / "results.jsonl").read_bytes()
    lab.run(config)
    assert (tmp_path / "lab" / "results.jsonl").read_bytes() == written

    with pytest.raises(UserError, match="pairs was 32, now 33"):
        lab.run(lab.Config(out=tmp_path / "lab", study="main", **{**TINY, "pairs": 33}))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"objectives": ("asap", "mystery")}, "--objectives mystery: for hands there are sft, "),
        ({"seeds": 0}, "--seeds 0: must be at least 1"),
        (
            {"world": "people", "objectives": ("relative",)},
            "--objectives relative: for people there are sft, ",
        ),
    ],
)
def test_impossible_settings_are_told(tmp_path: Path, settings: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        lab.run(lab.Config(out=tmp_path / "lab", **{**TINY, **settings}))
    assert not (tmp_path / "lab" / "config.json").exists()
