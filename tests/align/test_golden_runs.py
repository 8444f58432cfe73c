"""The first steps of each family give the numbers that were recorded, so that no change moves them unseen.

    PYTHONPATH=src:tests OMP_NUM_THREADS=1 python tests/align/test_golden_runs.py    # records them anew

Record only where a change of the numbers is meant, or a new version of torch, diffusers or transformers draws
other random weights for the tiny pipelines, and say so in the commit.

The tolerances: the same runs with torch, MKL and oneDNN held to SSE4 or to AVX2 instead of AVX-512
(ATEN_CPU_CAPABILITY, MKL_ENABLE_INSTRUCTIONS, ONEDNN_MAX_CPU_ISA) gave losses and norms of gradients that
differ by at most 1e-4 of themselves, and gaps and rises, differences of errors near 1, by at most 3e-6. Ten
times the first and some of the second are allowed. A fault of a few thousandths in a loss, or of 1e-5 in a
gap, is seen.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from asap.align import loop, train
from asap.store import read_rows
from families import FAMILIES
from tiny import tiny_flux, tiny_sdxl, write_pairs
from tiny_families import MAKERS

GOLDEN = Path(__file__).with_name("golden_runs.json")
LIBRARIES = ("torch", "diffusers", "transformers", "peft")
STEPS = (0, 1, 4, 9, 14, 19)
TAU = 0.05
ROUNDING = 5e-6
"""What float32 may do to a difference of errors."""
NUMBERS = {
    "loss": 0.0,
    "grad_norm": 0.0,
    "delta_mean": ROUNDING,
    "winner_rise": ROUNDING,
    "loser_rise": ROUNDING,
}
"""What is recorded, and by how much it may differ beside a thousandth of itself."""

Run = dict[str, list[float]]


def trained(model: Path, pairs: Path, out: Path) -> Run:
    """`NUMBERS` at `STEPS` of a run of asap, quick enough to come near the margin."""
    settings = train.Config(
        model=str(model), data=str(pairs), out=out, steps=STEPS[-1] + 1, seed=3, resolution=32, batch_size=6,
        rank=4, learning_rate=1e-2, alpha=10.0, tau=TAU, mask_dilation=1, tracker="none", overlays=0,
    )  # fmt: skip
    rows = list(read_rows(train.run(settings) / loop.LOG))
    return {name: [rows[step][name] for step in STEPS] for name in NUMBERS}


def golden() -> dict[str, Mapping[str, Run]]:
    found: dict[str, Mapping[str, Run]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_are_as_recorded(
    family: str, tiny_family: Callable[[str], Path], pairs: Path, tmp_path: Path
) -> None:
    found = trained(tiny_family(family), pairs, tmp_path / "run")
    wanted = golden()["runs"][family]
    for name, rounding in NUMBERS.items():
        assert found[name] == pytest.approx(wanted[name], rel=1e-3, abs=rounding), (
            f"{name} at steps {STEPS}; recorded with {golden()['versions']}, this is {versions()}"
        )


def test_the_recorded_runs_begin_at_no_gap_and_leave_it() -> None:
    """Otherwise the numbers above would hold little."""
    runs = golden()["runs"]
    assert set(runs) == set(FAMILIES)
    for run in runs.values():
        assert run["delta_mean"][0] == pytest.approx(0, abs=1e-6)
        assert run["loss"][0] == pytest.approx(TAU**2, rel=1e-4)
        assert max(map(abs, run["delta_mean"])) > 100 * ROUNDING


def record(path: Path) -> None:
    torch.set_num_threads(1)
    makers = {"flux": tiny_flux, "sdxl": tiny_sdxl, **MAKERS}
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_pairs(Path(folder) / "pairs")
        runs = {
            name: trained(makers[name](Path(folder) / name), pairs, Path(folder) / f"run-{name}")
            for name in FAMILIES
        }
    rounded = {
        family: {name: [float(f"{value:.6g}") for value in values] for name, values in run.items()}
        for family, run in runs.items()
    }
    text = json.dumps({"versions": versions(), "steps": STEPS, "runs": rounded}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN)
