"""Corrected rates and a second judge in the report, against counts made by hand."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from asap.bench import report, results
from asap.bench.calibration import record
from asap.bench.corrected import Tally, correct
from asap.bench.report import known_errors, outcomes, second, trust
from asap.errors import UserError
from asap.store import Row, to_json
from bench_runs import write_run

SETTINGS = {"model_name": "m"}
EQUAL = {"alike_on_faulty_p": 0.6, "alike_on_correct_p": 0.4}
UNEQUAL = {"alike_on_faulty_p": 0.001, "alike_on_correct_p": 0.4}


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Known errors of the judges `first` and `second`; of others nothing is known."""
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    first, weak = Tally(90, 10, 20, 180), Tally(45, 5, 10, 90)
    rows = [
        {
            "name": "first",
            "settings": SETTINGS,
            **first._asdict(),
            **EQUAL,
            "by_model": {"m": first._asdict()},
        },
        {
            "name": "second",
            "settings": SETTINGS,
            **Tally(64, 36, 4, 96)._asdict(),
            **UNEQUAL,
            "by_model": {"base": weak._asdict(), "asap": Tally(19, 31, 0, 0)._asdict()},
        },
    ]
    (tmp_path / "hands.json").write_text(to_json({"subject": "hands", "judges": rows}))
    return tmp_path


def runs(folder: Path, judge: str, base: str, asap: str) -> tuple[str, str]:
    """Judgements of base and asap as specs, from their letters."""
    made = {"base": base, "asap": asap}
    specs = (f"{n}={write_run(folder / judge / n, letters, judge=judge)}" for n, letters in made.items())
    return tuple(specs)  # type: ignore[return-value]


def text_of(folder: Path) -> str:
    """The page's words."""
    page = (folder / "report.html").read_text(encoding="utf-8").partition("</style>")[2]
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def written(config: report.Config) -> Row:
    row: Row = json.loads((report.run(config) / "report.json").read_text())
    return row


def test_rates_are_corrected_where_the_judge_is_known(calibrated: Path) -> None:
    specs = runs(calibrated, "first", "e" * 30 + "c" * 20, "e" * 10 + "c" * 40)
    found = written(report.Config(specs, calibrated / "report"))
    base, asap = (model["corrected"] for model in found["models"])
    assert base["aer"] == pytest.approx((0.6 + 0.9 - 1) / 0.8) and asap["aer"] == pytest.approx(0.125)
    expected = correct(30, 50, Tally(90, 10, 20, 180))
    assert expected is not None and base["aer_interval"] == pytest.approx(expected.interval)
    assert found["models"][0]["aer"] == 0.6
    calibration = found["judge"]["calibration"]
    assert (calibration["sensitivity"], calibration["specificity"]) == (0.9, 0.9)
    text = text_of(calibrated / "report")
    assert "which is known to err; corrected ones stand below" in text
    assert "the judge “first” finds 90% (83 to 94%) of the faulty ones and passes 90% (85 to 93%)" in text
    assert "62.5%" in text and "12.5%" in text and "not err alike" not in text


def test_an_unknown_judge_is_not_corrected(calibrated: Path) -> None:
    specs = runs(calibrated, "stranger", "e" * 30 + "c" * 20, "e" * 10 + "c" * 40)
    found = written(report.Config(specs, calibrated / "report"))
    assert found["judge"]["calibration"] is None and found["second"] is None
    assert [model["corrected"] for model in found["models"]] == [None, None]
    text = text_of(calibrated / "report")
    assert "corrected" not in text.lower() and "Without the judge" not in text


def test_several_images_of_a_prompt_widen_the_corrected_interval(calibrated: Path) -> None:
    base = write_run(calibrated / "base", "eeee" * 10 + "cccc" * 10, seeds=4, judge="first")
    (model,) = written(report.Config((str(base),), calibrated / "report"))["models"]
    alone = correct(40, 80, Tally(90, 10, 20, 180))
    low, high = model["corrected"]["aer_interval"]
    assert alone is not None and high - low > 1.3 * (alone.interval.high - alone.interval.low)


def test_nothing_scored_has_no_corrected_rate(calibrated: Path) -> None:
    specs = runs(calibrated, "first", "r" * 12, "c" * 12)
    found = written(report.Config(specs, calibrated / "report"))
    assert found["models"][0]["corrected"] is None and found["models"][1]["corrected"]["aer"] == 0


def test_the_second_judge_stands_beside_the_first(calibrated: Path) -> None:
    first = runs(calibrated, "first", "e" * 30 + "c" * 20, "e" * 10 + "c" * 40)
    other = runs(calibrated, "second", "e" * 20 + "c" * 29 + "e", "e" * 8 + "c" * 32 + "r" * 10)
    found = written(report.Config(first, calibrated / "report", second=other))["second"]
    assert found["judge"]["name"] == "second" and found["judge"]["calibration"]["missed"] == 36
    base, asap = found["models"]
    assert base["agreement"]["both"] == 20 and base["agreement"]["first"] == 10
    assert base["agreement"]["second"] == 1 and base["agreement"]["neither"] == 19
    assert base["agreement"]["differing"] == pytest.approx(11 / 50)
    chance = 0.6 * 0.42 + 0.4 * 0.58
    assert base["agreement"]["kappa"] == pytest.approx((0.78 - chance) / (1 - chance))
    assert (base["aer"], asap["aer"], asap["scored"]) == (21 / 50, 8 / 40, 40)
    assert base["corrected"]["aer"] == pytest.approx((0.42 + 0.96 - 1) / 0.6)
    assert asap["aer_difference"] == pytest.approx(-12 / 40) and "aer_difference" not in base


def test_the_page_shows_both_judges(calibrated: Path) -> None:
    first = runs(calibrated, "first", "e" * 30 + "c" * 20, "e" * 10 + "c" * 40)
    other = runs(calibrated, "second", "e" * 30 + "c" * 20, "e" * 29 + "c" * 21)
    report.run(report.Config(first, calibrated / "report", second=other))
    text = text_of(calibrated / "report")
    assert "Better than the base beyond chance: asap by first alone." in text
    assert "of the faulty hands it finds 90% for their base but 38% for their asap" in text
    assert "first alone" in text and "second alone" in text and "38.0%" in text  # 19 of 50 differ
    assert "asap judge base/images --judge second" in text and "--second" in text


def test_judges_that_tell_little_or_disagree_are_no_reason_to_trust(calibrated: Path) -> None:
    """Of the judge, and of the two judges: what stands for the numbers, and what against them."""
    alike = runs(calibrated, "first", "ec" * 25, "ec" * 25)
    second_alike = runs(calibrated, "other", "ec" * 25, "ec" * 25)
    assert kinds(calibrated, alike, second_alike) == ("good", "good")
    apart = runs(calibrated, "apart", "ce" * 25, "ce" * 25)
    assert kinds(calibrated, alike, apart) == ("good", "bad")
    row = json.loads((calibrated / "hands.json").read_text())
    row["judges"][0] |= Tally(60, 40, 90, 110)._asdict()  # finds 60%, passes 55%
    (calibrated / "hands.json").write_text(to_json(row))
    assert kinds(calibrated, alike, second_alike) == ("bad", "good")


def test_what_only_some_images_say_is_told_with_their_number(calibrated: Path) -> None:
    first = runs(calibrated, "first", "e" * 30 + "c" * 20, "u" * 10 + "c" * 40)
    other = runs(calibrated, "second", "e" * 30, "c" * 30)
    report.run(report.Config(first, calibrated / "report", second=other))
    text = text_of(calibrated / "report")
    assert "on the 40 images with a verdict for both" in text
    assert "The judge “second” saw 60 of the 100 images." in text and "saw the same images" not in text


def kinds(folder: Path, first: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """What the checks of the judge and of the second judge are."""
    methods = [results.read(spec) for spec in first]
    others = second.read(other, methods)
    found = trust.checks(methods, outcomes.outcomes(methods), [], others, None)
    (judge,) = (check.kind for check in found if "“first” finds" in check.text)
    (both,) = (check.kind for check in found if "Neither finds any model better" in check.text)
    return judge, both


def test_a_second_judge_of_some_models_is_shown_for_these(calibrated: Path) -> None:
    first = runs(calibrated, "first", "e" * 12, "c" * 12)
    other = runs(calibrated, "stranger", "e" * 12, "c" * 12)
    found = written(report.Config(first, calibrated / "report", second=other[1:]))["second"]
    assert [model["name"] for model in found["models"]] == ["asap"]
    assert found["models"][0]["corrected"] is None and "aer_difference" not in found["models"][0]
    assert "Its errors have not been measured." in text_of(calibrated / "report")


def test_no_second_judge_leaves_the_page_alone(calibrated: Path) -> None:
    report.run(report.Config(runs(calibrated, "first", "ec" * 6, "cc" * 6), calibrated / "report"))
    text = text_of(calibrated / "report")
    assert "By a second judge" not in text and "judges agree" not in text and second.sections([]) == []


def test_mistakes_are_told(calibrated: Path) -> None:
    first = runs(calibrated, "first", "ec" * 6, "cc" * 6)
    other = runs(calibrated, "second", "ec" * 6, "cc" * 6)
    third = runs(calibrated, "third", "ec" * 6, "cc" * 6)
    longer = write_run(calibrated / "longer", "c" * 20, judge="second")
    (longer / "config.json").write_text(
        (longer / "config.json").read_text().replace('"judge":', '"images": "x", "judge":')
    )
    cases = {
        (first[0],): "judged by the report's own judge",
        (other[0], other[0]): "base stands twice",
        (other[0], third[1]): "judged by another judge than base",
        (other[0].replace("base=", "bose="),): r"no such model here \(base, asap\)",
        (f"base={longer}",): "judges other images",
    }
    for specs, message in cases.items():
        with pytest.raises(UserError, match=message):
            report.run(report.Config(first, calibrated / "report", second=specs))


def test_unequal_errors_on_correct_hands_are_told() -> None:
    models = {"a": Tally(5, 5, 1, 99), "b": Tally(5, 5, 40, 60), "c": Tally(3, 3, 0, 0)}
    found = record.Calibration("hands", Tally(13, 13, 41, 159), models, 0.9, 0.001)
    assert "of the correct hands it passes 99% for their a but 60% for their b" in known_errors.told(
        "x", found
    )
