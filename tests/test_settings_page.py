"""docs/settings.md is what the code says."""

from __future__ import annotations

from pathlib import Path

import processes

ROOT = Path(__file__).parents[1]


def test_the_page_of_settings_is_not_stale() -> None:
    made = processes.script(ROOT / "benchmarks" / "settings_page.py").stdout
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert made == page, "run: python benchmarks/settings_page.py > docs/settings.md"
    assert "| `learning_rate` | number | by recipe | AdamW's step size. |" in page
