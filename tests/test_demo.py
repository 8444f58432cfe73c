"""`asap demo` in small: every stage, the summary, and nothing done twice."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import processes
from asap import demo as stage
from asap.demo import Steps, _summarize


def demo(out: Path, *more: str) -> processes.Done:
    return processes.asap("demo", "--out", out, "--pairs", 40, "--prompts", 12, "--steps", 12, *more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "out"
    done = demo(out)
    assert done.returncode == 0, done.stderr
    steps = [line.partition("/6  ")[0] for line in done.stdout.splitlines() if "/6  " in line]
    assert steps == [str(n) for n in range(1, 7)]
    return out


def test_the_summary_tells_what_was_measured(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    assert list(summary["methods"]) == ["asap", "base", "dpo", "sft"]
    for row in summary["methods"].values():
        low, high = row["aer_ci"]
        assert 0 <= low <= row["aer"] <= high <= 1 and row["n"] == 12
    assert summary["methods"]["base"]["drift"] == 0 and summary["methods"]["sft"]["drift"] > 0
    assert summary["seconds"] > 0


def test_the_report_stands_alone(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert "base" in page and "asap" in page and "data:image" in page
    assert 'src="http' not in page and 'href="http' not in page


def test_the_report_shows_pairs_and_training_and_how_to_repeat_them(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for error in ("broken finger", "extra finger", "fused fingers", "missing finger"):
        assert page.count(f'aria-label="rejected: {error}"') == 1
    assert page.count('aria-label="mask: where they differ"') == 4
    assert all(f"<title>{name}: preference gap</title>" in page for name in ("sft", "dpo", "asap"))
    repeated = page[page.index("<h2>To repeat this") :]
    stages = re.findall(r"^(?:<pre[^>]*>)?asap (\w+)", repeated, re.MULTILINE)
    # a run is judged on its way, so that each has two commands
    assert stages == ["figures"] * 2 + ["train"] * 6 + ["generate", "judge"] * 4 + ["judge"] * 4 + ["report"]


def test_the_report_follows_every_method_over_its_steps(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    part = page[page.index("<h2>Against training steps") : page.index("<h2>Training pairs")]
    for title in ("anatomical error rate", "right images broken", "drift"):
        assert f"<title>{title}</title>" in part
    assert all(part.count(f"{name}: from ") == 3 for name in ("sft", "dpo", "asap"))
    assert len(re.findall(r"at training steps 0 to \S+ at 12\b", part)) == 9
    assert sorted(p.name for p in (finished / "images").iterdir() if "sft" in p.name) == ["sft", "sft-at-10"]


def test_run_again_it_redoes_nothing(finished: Path) -> None:
    kept = [p for p in finished.rglob("*") if p.suffix in (".png", ".parquet")]
    before = {p: p.stat().st_mtime_ns for p in kept if "pairs" not in p.parts and "fresh" not in p.parts}
    seconds = json.loads((finished / "summary.json").read_text())["seconds"]
    assert demo(finished).returncode == 0
    assert json.loads((finished / "summary.json").read_text())["seconds"] == seconds
    assert before and all(p.stat().st_mtime_ns == t for p, t in before.items())


def test_the_time_is_that_of_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(stage, "time", SimpleNamespace(monotonic=lambda: now))
    for names in (("first",), ("first", "second")):
        steps = Steps(tmp_path, 2)
        for name in names:
            with steps.step(name):
                now += 7.0 if name == "first" else 5.0
        assert steps.seconds == (7.0 if names == ("first",) else 12.0)


def test_what_was_not_measured_is_null(tmp_path: Path) -> None:
    models = [{"name": n, "aer": 0.5, "aer_interval": [0.4, 0.6], "scored": 9} for n in ("base", "asap")]
    (tmp_path / "report.json").write_text(json.dumps({"models": models}))
    _summarize(tmp_path, 1.0)
    summary = json.loads((tmp_path / "summary.json").read_text())["methods"]
    assert summary["asap"]["drift"] is None and summary["base"]["drift"] == 0.0


def test_other_settings_are_refused_in_one_line(finished: Path) -> None:
    done = demo(finished, "--look", "0.5")
    assert done.returncode == 2 and "look was 1.0, now 0.5" in done.stderr
    assert "Traceback" not in done.stderr
