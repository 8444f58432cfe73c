"""The run's card: the hub's metadata, the settings, the numbers, the curves; and what reads it."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from asap.align import card, curves, loop, train
from asap.align.card import CARD, CURVES

IDENTITY = {
    "model": "owner/base", "data": "owner/pairs", "objective": "asap", "rank": 16, "lora_alpha": 16.0,
    "tau": 0.01, "learning_rate": 1e-4, "pairs": "0123456789abcdef", "weights": "abc", "ema": 0.0,
}  # fmt: skip
MADE = {"identity": IDENTITY, "command": "asap train --model owner/base", "before": ["asap build photos"]}


def read(text: str) -> Any:
    """What the hub's library makes of the card."""
    return ModelCard(text).data


def rows(steps: int = 120, **changes: Any) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    names = ("loss", "delta_mean", "delta_p10", "delta_p90", "winner_rise", "loser_rise", "grad_norm")
    found = [{name: float(rng.normal()) for name in names} for _ in range(steps)]
    return [{"step": i, "winner_base": 1.0, **row, **changes} for i, row in enumerate(found)]


def test_the_hub_reads_its_metadata() -> None:
    data = read(card.card(MADE, rows()))
    assert data.base_model == "owner/base" and data.datasets == ["owner/pairs"]
    assert data.library_name == "diffusers" and data.pipeline_tag == "text-to-image"
    assert {"lora", "asap", "text-to-image"} <= set(data.tags) and data.license is None
    local = {**MADE, "identity": {**IDENTITY, "model": "/home/me/models/flux", "data": "hap"}}
    text = card.card(local, rows())
    found = read(text)
    assert found.base_model is None and found.datasets is None and "/home/me" not in text


def test_it_says_what_was_done_and_what_came_of_it() -> None:
    text = card.card(MADE, rows(loss=0.25), samples=True)
    assert "for 120 steps" in text and "Rank 16, alpha 16" in text
    assert "| data hash | 0123456789abcdef |" in text and "| learning rate | 0.0001 |" in text
    assert "| loss | 0.25 |" in text and "Means of the last 50 steps" in text
    assert 'from_pretrained("owner/base"' in text and "](curves.png)" in text and "](samples.jpg)" in text
    assert "asap build photos\nasap train --model owner/base\n" in text
    assert "## Warnings" not in text


def test_it_says_where_settings_come_from_and_what_was_measured() -> None:
    proposed = {
        "tau": {"value": 0.01, "why": "1.5 x the spread"},
        "learning_rate": {"value": 9e-4, "why": "no"},
    }
    measured = {
        "measured": 256, "gap": {"spread": 0.0062}, "notes": ["the spread is known to 7%"],
        "proposed": proposed, "origins": {"rank": "recipe flux, chosen: by us"},
    }  # fmt: skip
    text = card.card({**MADE, "calibration": measured, "origins": {}}, rows())
    assert "| tau | 0.01 | measured: 1.5 x the spread |" in text
    assert "| learning rate | 0.0001 |  |" in text  # another one was given than what was measured
    assert "| rank | 16 | recipe flux, chosen: by us |" in text
    assert "has a spread of 0.0062.\n\n- the spread is known to 7%\n" in text
    plain = card.card({**MADE, "origins": {"tau": "recipe flux, published: there"}}, rows())
    assert "| tau | 0.01 | recipe flux, published: there |" in plain and "## Calibration" not in plain


def test_warnings_are_told_and_many_are_counted() -> None:
    series = rows(30)
    for row in series[5:25]:
        row["warning"] = f"trouble {row['step']}"
    text = card.card(MADE, series)
    assert "- step 5: trouble 5\n" in text and "trouble 17" not in text and "- and 8 more" in text


def test_before_the_first_step_there_are_no_curves() -> None:
    text = card.card(MADE, [])
    assert "## Training" not in text and "for 0 steps" in text


@pytest.mark.parametrize("steps", [1, 2, 99, 1001])
def test_curves_of_any_length(steps: int) -> None:
    picture = Image.open(io.BytesIO(curves.draw(rows(steps), 0.01)))
    assert picture.format == "PNG" and picture.size == (2 * curves.WIDTH, 2 * curves.HEIGHT)
    panels = np.asarray(picture.convert("RGB"))[: curves.HEIGHT].astype(int)
    for half in (panels[:, : curves.WIDTH], panels[:, curves.WIDTH :]):  # loss, gap
        data = half[curves.TOP : -curves.BOTTOM]
        assert (np.abs(data - curves.BLUE).sum(-1) < 90).sum() > 10


def test_what_has_diverged_does_not_squeeze_the_rest() -> None:
    usual = [0.1 * math.sin(step) for step in range(90)]
    assert curves.shown_range(usual, [0.0, 0.2]) == (min(usual), 0.2)
    low, high = curves.shown_range([*usual, 1e9, -3e4], [0.0, 0.2])
    assert -1.5 < low < min(usual) and max(usual) < high < 1.5
    assert curves.shown_range([5.0] * 9, [0.0]) == (0.0, 5.0) and curves.shown_range([], [0.0]) == (0.0, 0.0)
    series = rows(100)
    series[-1] |= {"loss": 1e12, "winner_rise": math.nan, "delta_p90": 1e9}
    assert curves.draw(series, 0.01) != curves.draw(rows(100), 0.01)


def test_a_line_goes_up_where_its_values_do() -> None:
    series = [row | {"loss": row["step"] / 100} for row in rows(100)]
    picture = np.asarray(Image.open(io.BytesIO(curves.draw(series, None))).convert("RGB")).astype(int)
    panel = np.abs(picture[curves.TOP : curves.HEIGHT - curves.BOTTOM, : curves.WIDTH] - curves.BLUE).sum(-1)
    high = [np.flatnonzero(column < 60).mean() for column in panel.T if (column < 60).any()]
    assert len(high) > 300 and np.corrcoef(high, range(len(high)))[0, 1] < -0.99


def test_a_run_writes_its_card_at_checkpoints_and_its_snippet_runs(
    flux: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = train.Config(
        str(flux), str(pairs), tmp_path / "run", steps=3, resolution=32, rank=4, tracker="none", overlays=0,
        checkpoint_every=2,
    )  # fmt: skip
    out = train.run(settings)
    text = (out / CARD).read_text()
    assert "for 3 steps" in text and read(text).library_name == "diffusers"
    assert Image.open(out / CURVES).size[0] > 1000
    assert "step" in (out / loop.LOG).read_text()
    snippet = text.split("```python\n")[1].split("```")[0].replace("path/to/this/folder", str(out))
    monkeypatch.chdir(flux.parent)  # of a folder the card tells the name alone
    names: dict[str, Any] = {}
    exec(snippet.replace('hands")', 'hands", num_inference_steps=1, height=32, width=32)'), names)
    assert names["image"].size == (32, 32) and names["pipeline"].get_active_adapters()
