"""The scripts of `benchmarks/` that need no data run, in small, and print the tables that are recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open

import loopback
import processes

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def printed(script: str, *options: str) -> list[str]:
    done = processes.script(BENCHMARKS / script, *options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def cells(lines: list[str], start: str) -> list[str]:
    """The cells of the first row that begins with `start`."""
    row = next(line for line in lines if line.startswith(start))
    return [cell.strip() for cell in row.strip("|").split("|")]


def contents(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_figures_are_timed_at_every_size() -> None:
    lines = printed("figures.py", "--share", "0.002", "--runs", "1")
    assert [cells(lines, f"| {size} |")[1] for size in (24, 64, 256)] == ["8", "2", "1"]


def test_the_judge_of_figures_is_counted_on_every_render() -> None:
    lines = printed("figures_judge.py", "--scenes", "64")
    assert all(cell.endswith("of 64") for cell in cells(lines, "| correct |")[1:])
    found = [cells(lines, f"| {error} |")[1] for error in ("missing finger", "fused fingers")]
    assert all(cell.startswith("100.0%") for cell in found)


def test_the_network_judge_is_trained_and_measured_in_small(tmp_path: Path) -> None:
    small = ("--lessons", "256", "--held-out", "200", "--epochs", "1", "--batch", "64")
    for name in ("a", "b"):
        lines = printed("network_judge.py", "--train", "--out", str(tmp_path / name), *small)
        assert lines[-1].startswith("threshold ")
    # safetensors writes its metadata in no fixed order
    (first, told), (again, told_again) = (contents(tmp_path / name) for name in ("a", "b"))
    assert told == told_again and first.keys() == again.keys()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    lines = printed("network_judge.py", "--scenes", "24", "--held-out", "100")
    assert all(cell.endswith("of 24") for cell in cells(lines, "| faulty |")[1:])


def test_the_calibration_counts_every_labelled_hand() -> None:
    lines = printed("calibration.py")
    counted = [cells(lines, f"| {judge} | threshold")[2:6] for judge in ("figures", "network")]
    assert [sum(map(int, counts)) for counts in counted] == [328, 328]
    lines = printed("calibration.py", "--coverage", "--runs", "200")
    shares = [float(cell.split(",")[0]) for cell in cells(lines, "| 0.95, 0.9 | Lang")[2:]]
    assert len(shares) == 5 and min(shares) > 0.88


def test_coverage_is_simulated_in_small() -> None:
    lines = printed("coverage.py", "--runs", "8", "--resamples", "50")
    effective = [
        float(cells([line], "|")[3].split()[0]) for line in lines if line.startswith("| 50 x 4 | 0.3")
    ]
    assert len(effective) == 1 and effective[0] >= 0.6
    rows = [cells([line], "|") for line in lines if line.startswith("| 125 x 4 | 0.4, 0.4")]
    assert float(rows[0][6]) <= 0.4  # the test over prompts, without a difference
    assert [line for line in lines if line.startswith("| 50 x 4 | 3.0 |")]


def test_training_steps_call_the_denoiser_alone() -> None:
    lines = printed("train.py", "--pairs", "32", "--steps", "1", "--runs", "1")
    steps = [line for line in lines if "10 more steps" in line]
    assert [cells([line], "|")[2:] for line in steps] == [["0", "0", "20"]] * 3


def test_every_grid_is_drawn_and_shown(tmp_path: Path) -> None:
    lines = printed("figure_grids.py", "--out", str(tmp_path), "--tile", "16")
    drawn = {f.name for f in tmp_path.iterdir()}
    shown = BENCHMARKS.parent / "docs" / "figures.md"
    kept = {f.name for f in shown.with_suffix("").iterdir()}
    assert len(lines) == len(drawn) == 5 and drawn == kept
    assert sum(f.stat().st_size for f in shown.with_suffix("").iterdir()) < 1_500_000
    assert [name for name in kept if f"](figures/{name})" not in shown.read_text(encoding="utf-8")] == []


def test_part_masks_are_measured_and_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "parts.jpg"
    lines = printed("part_masks.py", "--seeds", "1", "--size", "192", "--out", str(picture))
    for part in ("head", "torso", "arm", "hand", "leg", "foot"):
        covered, precise = (float(cell) for cell in cells(lines, f"| {part} |")[1:3])
        assert covered > 0.8 and precise > (0.3 if part == "foot" else 0.6)
    assert 10_000 < picture.stat().st_size < 300_000


def test_the_semantic_gate_is_right_on_a_drawn_hand_of_each_error() -> None:
    lines = printed("semantic_gate.py", "--pairs", "1", "--parts", "hand")
    found = {cells([line], "|")[0]: cells([line], "|")[1:3] for line in lines if line.startswith("| ")}
    for error in ("missing finger", "shortened finger", "broken finger"):
        assert found[error] in (["1/1", "0"], ["0/0", "1"])  # seen, or not to be told
    assert len(found) == 7  # the heading, and six errors with a check


def test_the_semantic_gate_calibrates_a_model_too(tmp_path: Path) -> None:
    """One that denies all errors but missing fingers, which it sees everywhere: it tells nothing of them."""

    def behaviour(_: int, body: loopback.Body) -> loopback.Reply:
        return loopback.answers("yes" if "lack a finger" in loopback.question(body) else "no")

    with loopback.serving(behaviour) as service:
        told = ("--endpoint", service.url, "--model-name", "tiny-vlm", "--answers", str(tmp_path))
        lines = printed("semantic_gate.py", "--pairs", "1", "--parts", "hand", *told)
    found = {cells([line], "|")[0]: cells([line], "|")[1:3] for line in lines if line.startswith("| ")}
    assert found["missing finger"] == ["0/0", "1"]
    assert found["shortened finger"] == found["second hand"] == ["0/1", "0"]
    assert len({loopback.key(body) for body in service.requests}) == len(service.requests) > 20


def test_every_script_and_record_is_listed() -> None:
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    files = {f.name for f in BENCHMARKS.iterdir() if f.suffix in (".py", ".md")} - {"README.md"}
    assert [name for name in sorted(files) if name not in text] == []


def test_the_labels_by_eye_are_counted_for_every_model() -> None:
    lines = printed("laboratory_eye.py")
    assert lines[0].startswith("640 images")
    rates = lines[
        lines.index("") + 3 : lines.index("| difference by eye, points | mean | 95% over prompts |") - 1
    ]
    assert len({line.split("|")[1] for line in rates}) == len(rates) == 8
    assert cells(lines, "| asap, 300 steps - dpo, 300 steps")[2].count(" to ") == 1


def test_every_family_s_lora_finds_its_layers_at_full_size() -> None:
    """The table is the one in docs/families.md."""
    table = [line for line in printed("families.py") if line.startswith("|")]
    assert len(table) == 2 + 7
    assert "\n".join(table) in (BENCHMARKS.parent / "docs" / "families.md").read_text(encoding="utf-8")
