"""Rewards side by side: paired changes, what they say of a loss, and the report's part."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from asap.bench import report
from asap.bench.rewards import compared, section
from asap.bench.rewards.compared import Compared
from asap.bench.rewards.reward import Score
from asap.bench.statistics import Interval
from asap.errors import UserError
from asap.store import append_rows, open_run
from bench_runs import write_run


def scored(
    folder: Path,
    values: list[float | None],
    *,
    reward: str = "hpsv2",
    weights: str = "w",
    seeds: int = 1,
    start: int = 0,
) -> Path:
    """A folder of `asap reward` with one score an image, in two categories."""
    open_run(folder, "reward", {"reward": reward, "settings": {"weights": weights}})
    rows = []
    for n, value in enumerate(values):
        prompt = f"p{start + n // seeds}"
        category = "ab"[n // seeds % 2]
        rows.append(
            Score(f"{prompt}-{n % seeds}", prompt, n % seeds, category, value, "" if value else "no caption")
        )
    append_rows(folder / "rewards.jsonl", rows)
    return folder


def test_changes_are_paired_with_the_base(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.28, 0.02, 40)
    change = rng.normal(-0.001, 0.004, 40)
    after = [*(base + change)[:-1].tolist(), None]
    specs = [f"base={scored(tmp_path / 'a', base.tolist())}", f"asap={scored(tmp_path / 'b', after)}"]
    (group,) = compared.read(specs, ["base", "asap"])
    first, second = group.models
    assert group.label == "hpsv2" and first.mean == pytest.approx(base.mean()) and first.interval is None
    assert second.images == 39 and second.difference == pytest.approx(change[:-1].mean())
    assert second.interval is not None and second.interval.low < second.difference < second.interval.high
    width = 2 * 1.96 * change[:-1].std() / 39**0.5  # of paired differences, not of the two means
    assert second.interval.high - second.interval.low == pytest.approx(width, rel=0.15)
    assert second.categories["a"] == pytest.approx(np.mean(after[0::2]))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.5, "better"),
        (-0.05, 0.5, "not worse"),
        (-0.09, -0.01, "lower, within the margin"),
        (-0.5, -0.01, "worse"),
        (-0.5, 0.5, "not shown"),
    ],
)
def test_what_an_interval_says(low: float, high: float, verdict: str) -> None:
    assert Compared("m", 0, 0, Interval(low, high), 1.0, 9, {}).verdict == verdict


def test_mistakes_are_told(tmp_path: Path) -> None:
    one, other = scored(tmp_path / "a", [0.1] * 12), scored(tmp_path / "b", [0.2] * 12, weights="v")
    far, empty = scored(tmp_path / "c", [0.2] * 12, start=90), scored(tmp_path / "d", [None] * 3)
    cases = {
        (f"bose={one}",): r"no such model here \(base, asap\)",
        (f"asap={one}",): "base has no hpsv2 with the same weights and settings",
        (f"base={one}", f"asap={other}"): "base has no hpsv2 with the same weights and settings",
        (f"base={one}", f"asap={far}"): "base has no hpsv2 of the same prompts and seeds",
        (f"base={one}", f"asap={one}", f"asap={one}"): "asap has hpsv2 twice",
        (f"base={empty}",): "no image has a score there",
        (f"base={tmp_path}",): "no config.json there",
    }
    for specs, told in cases.items():
        with pytest.raises(UserError, match=told):
            compared.read(specs, ["base", "asap"])


def test_the_report_shows_them(tmp_path: Path) -> None:
    judged = tuple(f"{n}={write_run(tmp_path / n, 'ec' * 10)}" for n in ("base", "asap"))
    rng = np.random.default_rng(1)
    values = rng.normal(0.28, 0.02, 20)
    other = rng.normal(0.7, 0.1, 20)
    more = (other + 0.2 + rng.normal(0, 0.001, 20)).tolist()
    specs = (
        f"base={scored(tmp_path / 'h0', values.tolist())}",
        f"asap={scored(tmp_path / 'h1', (values - 0.05 + rng.normal(0, 0.001, 20)).tolist())}",
        # general ability, on prompts that no judge of anatomy saw
        f"base={scored(tmp_path / 'v0', other.tolist(), reward='vqascore', start=100)}",
        f"asap={scored(tmp_path / 'v1', more, reward='vqascore', start=100)}",
    )
    out = report.run(report.Config(judged, tmp_path / "report", rewards=specs))
    groups = json.loads((out / "report.json").read_text())["rewards"]
    assert [g["reward"] for g in groups] == ["hpsv2", "vqascore"]
    assert [g["models"][1]["verdict"] for g in groups] == ["worse", "better"]
    page = html.unescape(re.sub(r"<[^>]+>", " ", (out / "report.html").read_text()))
    assert (
        "a guard of general quality" in page
        and "VQAScore by category" in page
        and "HPSv2.1, asap" in page
        and "−0.0" in page
    )
    assert section.sections([]) == [] and "--rewards" in page
