"""Labels of many shapes against verdicts, by counts made by hand; pairs as images; the report's use of it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

import hap
from asap.bench import calibrate, report, truth
from asap.bench import samples as sample_files
from asap.bench.calibration import against, labels
from asap.bench.corrected import Tally, correct
from asap.bench.report import known_errors
from asap.bench.statistics import wilson
from asap.errors import UserError
from asap.store import append_rows, read_rows
from bench_runs import write_run

#        truth e e e e e e c c c c c c c c
VERDICTS = "eeeecrcccccceu"


def labelled(folder: Path, by: str = "sample_id") -> Path:
    rows = []
    for n in range(14):
        name = {"sample_id": f"p{n}-0"} if by == "sample_id" else {"prompt_id": f"p{n}", "seed": 0}
        wrong = {"verdict": "error", "errors": ["extra finger" if n < 3 else "missing limb"]}
        rows.append(name | (wrong if n < 6 else {"verdict": "correct"}))
    append_rows(folder / "mine.jsonl", rows)
    return folder / "mine.jsonl"


def measured(folder: Path, judged: Path, known: Path) -> dict:
    return calibrate.read(calibrate.run(calibrate.Config(judged, known, folder)))


@pytest.mark.parametrize("by", ["sample_id", "prompt_id"])
def test_counts_intervals_and_kappa(tmp_path: Path, by: str) -> None:
    judged = write_run(tmp_path / "run", VERDICTS, categories=("hand", "face"))
    row = measured(tmp_path / "out", judged, labelled(tmp_path, by))
    assert [row[name] for name in Tally._fields] == [4, 1, 1, 6]
    assert row["weighed"] == {"caught": 4, "missed": 1, "false_alarms": 1, "right": 6}
    assert row["sensitivity"] == 0.8 and row["specificity"] == pytest.approx(6 / 7)
    assert row["sensitivity_interval"] == pytest.approx(wilson(4, 5))
    assert row["specificity_interval"] == pytest.approx(wilson(6, 7))
    chance = (5 * 5 + 7 * 7) / 144
    assert row["kappa"] == pytest.approx((10 / 12 - chance) / (1 - chance))
    low, high = row["kappa_interval"]
    assert low < row["kappa"] < high <= 1
    assert row["unscored"] == {"error": 1, "correct": 1}
    assert row["kinds"]["extra finger"]["caught"] == 3 and row["kinds"]["extra finger"]["named"] == 3
    assert (row["kinds"]["missing limb"]["images"], row["kinds"]["missing limb"]["caught"]) == (2, 1)
    assert row["kinds"]["missing limb"]["named"] == 0  # the judge said extra finger
    parts = [Tally(*(one[name] for name in Tally._fields)) for one in row["categories"].values()]
    assert set(row["categories"]) == {"hand", "face"} and sum(part.caught for part in parts) == 4


def test_images_of_one_prompt_are_drawn_together(tmp_path: Path) -> None:
    """20 prompts of 4 like images each: as many prompts, not images, decide how wide an interval is."""
    judged = write_run(tmp_path / "many", "eeee" * 15 + "cccc" * 25, seeds=4)
    rows = [
        {"prompt_id": f"p{n}", "seed": s, "verdict": "error" if n < 20 else "correct"}
        for n in range(40)
        for s in range(4)
    ]
    append_rows(tmp_path / "labels.jsonl", rows)
    row = measured(tmp_path / "out", judged, tmp_path / "labels.jsonl")
    low, high = row["sensitivity_interval"]
    assert row["sensitivity"] == 0.75 and (low, high) == (0.55, 0.95)
    narrow = wilson(60, 80)
    assert high - low > 1.7 * (narrow.high - narrow.low)
    assert row["weighed"]["caught"] + row["weighed"]["missed"] == pytest.approx(19, abs=1.1)
    assert row["prompts"] == 40


def test_another_judges_folder_is_labels(tmp_path: Path) -> None:
    judged = write_run(tmp_path / "machine", "eecccccc", judge="vlm")
    human = write_run(tmp_path / "people", "ecececcu", judge="human")
    row = measured(tmp_path / "out", judged, human)
    assert [row[name] for name in Tally._fields] == [1, 2, 1, 3] and row["unsure"] == 1
    assert row["source"] == "labelled by the judge “human”"


def test_what_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = write_run(tmp_path / "run", VERDICTS, categories=("hand", "face"))
    words = f"{judged} --labels {labelled(tmp_path)} --out {tmp_path / 'out'}"
    calibrate.main(words.split())
    shown = capsys.readouterr().out
    assert "all images: finds 80.0% (37.6 to 96.4%) of 5 faulty ones, passes 85.7%" in shown
    assert "extra finger: found in 3 of 3, named in 3" in shown and "hand: finds" in shown
    assert "left out: 1 correct without a verdict, 1 faulty without a verdict" in shown


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "holds no labels"),
        ([{"sample_id": "a"}], 'line 1: no "verdict"'),
        ([{"verdict": "error", "prompt_id": "a"}], 'line 1: no "sample_id", nor "prompt_id" and "seed"'),
        ([{"sample_id": "a", "verdict": v} for v in ("error", "correct")], "line 2: the image has another"),
        ([{"sample_id": "zzz", "verdict": "error"}], "no label is of an image that was judged"),
        ([{"sample_id": "p0-0", "verdict": "error"}], "no sound image among the labelled ones"),
        ([{"sample_id": "p0-0", "verdict": "unsure"}], "no image that was scored among"),
    ],
)
def test_labels_that_are_none_are_told(tmp_path: Path, rows: list[dict], told: str) -> None:
    judged = write_run(tmp_path / "run", "ec")
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=told):
        calibrate.run(calibrate.Config(judged, tmp_path / "labels.jsonl", tmp_path / "out"))
    with pytest.raises(UserError, match="no such file or folder of labels"):
        labels.read(tmp_path / "none")


def test_pairs_become_images_that_do_not_tell_their_truth(tmp_path: Path) -> None:
    data = hap.write(tmp_path / "hap", 4)
    out = truth.run(truth.Config(data, tmp_path / "truth"))
    samples = sample_files.read(out)
    known = {row["sample_id"]: row for row in read_rows(out / "labels.jsonl")}
    assert len(samples) == 8 and known.keys() == {s.id for s in samples}
    assert sorted(row["verdict"] for row in known.values()) == ["correct"] * 4 + ["error"] * 4
    assert all(row["errors"] == ["twisted mouth"] for row in known.values() if row["verdict"] == "error")
    assert len({s.prompt_id for s in samples}) == 4 and {s.category for s in samples} == {"face"}
    assert not any(s.facts for s in samples) and "twisted" not in (out / "metadata.jsonl").read_text()
    good = next(s for s in samples if known[s.id]["verdict"] == "correct")
    number = int(good.text.rsplit(" ", 1)[1])
    picture = sample_files.read_image(out / good.file_name)
    assert picture is not None and (picture == hap.pair(number).chosen).all()
    before = (out / "metadata.jsonl").read_bytes()
    truth.run(truth.Config(data, tmp_path / "truth"))
    assert (out / "metadata.jsonl").read_bytes() == before
    few = truth.run(truth.Config(data, tmp_path / "few", most=2))
    assert len(sample_files.read(few)) == 4
    assert labels.read(few).source == "the two sides of pairs whose error is known"
    with pytest.raises(UserError, match=r"no pairs there \(split all\)"):
        truth.run(truth.Config(tmp_path / "none", tmp_path / "x"))


def test_a_good_picture_of_several_pairs_is_one_image(tmp_path: Path) -> None:
    rows = [hap.row(n, source="photos/1.png", chosen=hap.row(0)["chosen"]) for n in range(3)]
    hap.dataset.write(tmp_path / "hap", rows, title="t", notes=[])
    out = truth.run(truth.Config(tmp_path / "hap", tmp_path / "truth"))
    verdicts = sorted(row["verdict"] for row in read_rows(out / "labels.jsonl"))
    assert verdicts == ["correct", "error", "error", "error"]
    assert len({s.prompt_id for s in sample_files.read(out)}) == 1


def calibration(folder: Path) -> Path:
    """Of the judge of `write_run`, by 40 labelled images: it catches 18 of 20 and passes 19 of 20."""
    judged = write_run(folder / "known", "e" * 18 + "cc" + "e" + "c" * 19)
    rows = [
        {"sample_id": f"p{n}-0", "verdict": "error" if n < 20 else "correct", "errors": ["extra finger"]}
        for n in range(40)
    ]
    append_rows(folder / "known.jsonl", rows)
    return calibrate.run(calibrate.Config(judged, folder / "known.jsonl", folder / "calibration"))


def test_the_report_takes_the_measured_errors_out(tmp_path: Path) -> None:
    own = calibration(tmp_path)
    specs = tuple(
        f"{n}={write_run(tmp_path / n, v)}" for n, v in (("base", "e" * 30 + "c" * 20), ("asap", "ec" * 25))
    )
    config = report.Config(specs, tmp_path / "report", calibration=(own,))
    found = json.loads((report.run(config) / "report.json").read_text())
    expected = correct(30, 50, Tally(18, 2, 1, 19))
    assert expected is not None
    assert found["models"][0]["corrected"]["aer"] == pytest.approx((0.6 + 0.95 - 1) / 0.85)
    assert found["models"][0]["corrected"]["aer_interval"] == pytest.approx(expected.interval)
    assert found["judge"]["calibration"]["alike_on_faulty_p"] is None
    page = html.unescape(re.sub(r"<[^>]+>", "", (tmp_path / "report" / "report.html").read_text()))
    assert "On 40 images, labelled in known.jsonl, the judge “vlm” finds 90%" in page
    assert "By kind of error it finds: extra finger 18 of 20." in page and "--calibration" in page
    places = [page.index(f"asap {line}") for line in ("generate --out known/", "judge known/", "calibrate ")]
    assert places == sorted(places)  # how the judge was measured can be repeated


def test_a_second_judge_is_corrected_by_its_own(tmp_path: Path) -> None:
    own = calibration(tmp_path)
    first = f"base={write_run(tmp_path / 'one', 'ec' * 10, judge='other')}"
    second = f"base={write_run(tmp_path / 'two', 'ec' * 10)}"
    config = report.Config((first,), tmp_path / "report", second=(second,), calibration=(own,))
    found = json.loads((report.run(config) / "report.json").read_text())
    assert found["models"][0]["corrected"] is None
    assert found["second"]["models"][0]["corrected"]["aer"] == pytest.approx((0.5 + 0.95 - 1) / 0.85)


def test_both_tables_of_a_page_correct_the_first_judge_alike(tmp_path: Path) -> None:
    own = calibration(tmp_path)
    first = f"base={write_run(tmp_path / 'one', 'ec' * 10)}"
    second = f"base={write_run(tmp_path / 'two', 'ec' * 10, judge='other')}"
    config = report.Config((first,), tmp_path / "report", second=(second,), calibration=(own,))
    lines = (report.run(config) / "report.md").read_text().splitlines()
    assert len([line for line in lines if "52.9%" in line]) == 2  # (0.5 + 0.95 - 1) / 0.85


def test_a_calibration_of_another_judge_is_refused(tmp_path: Path) -> None:
    own = calibration(tmp_path)
    judged = str(write_run(tmp_path / "base", "ec" * 10, judge="other"))
    with pytest.raises(UserError, match=r"is of the judge vlm with settings .* which judged none of these"):
        report.run(report.Config((judged,), tmp_path / "report", calibration=(own,)))
    with pytest.raises(UserError, match="calibrated twice"):
        known_errors.calibrated([], (own, own))
    with pytest.raises(UserError, match="was not made by `asap calibrate`"):
        calibrate.read(tmp_path / "known" / "judged")


def test_kappa_without_variation_is_no_number() -> None:
    cases = [against.Case(True, True, f"p{n}", "all", (), ()) for n in range(12)]
    value, interval = against.kappa(cases)
    assert value != value and interval is None
