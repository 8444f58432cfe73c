"""What was unequal is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from asap.bench import results
from asap.bench.report.cautions import cautions
from bench_runs import write_run

MADE = {"steps": 28, "guidance": None, "size": 512, "backbone": {"name": "flux", "dtype": "torch.bfloat16"}}


def methods(tmp_path: Path, *verdicts: str, made: dict[str, object] | None = None) -> list[results.Method]:
    folders = [
        write_run(tmp_path / str(i), letters, shade=i, made=MADE if i == 0 else (made or MADE))
        for i, letters in enumerate(verdicts)
    ]
    return [results.read(f"m{i}={folder}") for i, folder in enumerate(folders)]


def test_equal_models_need_no_caution(tmp_path: Path) -> None:
    assert cautions(methods(tmp_path, "ecu", "rcc", "ccc")) == []


def test_other_prompts_are_counted(tmp_path: Path) -> None:
    (text,) = cautions(methods(tmp_path, "eccc", "cc"))
    assert "(m0 4, m1 2; 2 are common to all)" in text


def test_other_settings_are_named(tmp_path: Path) -> None:
    made = {**MADE, "steps": None, "backbone": {"name": "sdxl", "dtype": "torch.bfloat16"}}
    (text,) = cautions(methods(tmp_path, "e", "c", made=made))
    assert "steps (m0: 28, m1: the model's own); model name (m0: flux, m1: sdxl)." in text
    assert "size" not in text and "dtype" not in text


def test_a_judge_asked_in_two_ways_is_told(tmp_path: Path) -> None:
    found = methods(tmp_path, "ec", "cc")
    asked = [["schema", "temperature"], ["temperature"]]
    for method, options in zip(found, asked):
        for key, judgement in method.judgements.items():
            method.judgements[key] = replace(judgement, evidence={"options": options})  # type: ignore[index]
    (text,) = cautions(found)
    assert "(m0: 2 with schema and temperature; m1: 2 with temperature)" in text
    assert cautions(found[:1]) == []


def test_images_from_elsewhere_have_no_settings_to_compare(tmp_path: Path) -> None:
    found = methods(tmp_path, "e", "c")
    (tmp_path / "1" / "images" / "config.json").unlink()
    assert cautions([found[0], results.read(f"m1={tmp_path / '1' / 'judged'}")]) == []
