"""What docs/python.md promises: its examples run as they stand, and the objectives need torch alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import processes

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
LOOP, TRAINER = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def ran(code: str, folder: Path) -> str:
    """What `code` prints, as a script of its own in `folder`."""
    (folder / "example.py").write_text(code, encoding="utf-8")
    done = processes.script("example.py", cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_loop_in_ten_lines(tmp_path: Path) -> None:
    assert len([line for line in LOOP.splitlines() if line.strip()]) <= 10
    ran(LOOP, tmp_path)
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "AER" in page and len(list((tmp_path / "images" / "images").glob("*.png"))) == 8


def test_the_objective_in_somebody_s_trainer_opens_the_gap(tmp_path: Path) -> None:
    gaps = [float(gap) for gap in re.findall(r"gap (\S+)", ran(TRAINER, tmp_path))]
    assert len(gaps) == 30 and gaps[0] == pytest.approx(0, abs=1e-5)
    assert sum(gaps[-10:]) / 10 == pytest.approx(0.2, abs=0.1)  # tau


def test_the_objectives_need_torch_alone() -> None:
    code = (
        "import sys, torch; before = set(sys.modules)\n"
        "import asap.align.objectives\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['asap']\n"
