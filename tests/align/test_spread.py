"""The spread of the reference's own gap: its law in alpha, and that it belongs to the pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from asap.align.spread import spread
from asap.pairs import figures


def test_the_variance_is_a_parabola_in_alpha(tmp_path: Path) -> None:
    """L_M is linear in alpha, so any three variances give every other one."""
    pairs = figures.run(figures.Config(tmp_path / "pairs", pairs=32))
    found = spread("mini-hand", str(pairs), tmp_path / "cache", (0.0, 10.0, 20.0, 30.0), batches=2)
    none, ten, twenty, thirty = (found[alpha] ** 2 for alpha in (0.0, 10.0, 20.0, 30.0))
    assert thirty == pytest.approx(none - 3 * ten + 3 * twenty, rel=1e-3)
    assert 0 < none < ten < twenty < thirty
    again = spread("mini-hand", str(pairs), tmp_path / "cache", (10.0,), batches=2)
    assert again[10.0] == found[10.0]
