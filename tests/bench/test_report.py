"""The page and its numbers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from asap.bench import report, results
from asap.bench.page import Page, Section, Table, pictures, render
from asap.bench.page.charts import Dot, changes, shares, top_of
from asap.bench.page.curves import Curve, curves
from asap.bench.report import gallery
from asap.bench.statistics import wilson
from asap.bench.wording import p_value, percent, points
from asap.errors import UserError
from bench_runs import write_run, write_training

VOID = {"meta", "img", "path", "rect", "circle", "br"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'&{}{{{{613*617}}}}"


class Checker(HTMLParser):
    """Collects tags and text, and asserts that tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def config(tmp_path: Path) -> report.Config:
    base = write_run(tmp_path / "base", "eeeeecccccr", shade=90, categories=("hands", "feet"))
    method = write_run(tmp_path / "asap", "cccceccccec", shade=141, categories=("hands", "feet"))
    return report.Config((f"base={base}", f"ASAP={method}"), tmp_path / "report", first=2, differing=3)


def page_of(folder: Path) -> Checker:
    return Checker((folder / "report.html").read_text(encoding="utf-8"))


def test_the_numbers_are_those_counted_by_hand(config: report.Config) -> None:
    written = json.loads((report.run(config) / "report.json").read_text())
    base, method = written["models"]
    assert (base["errors"], base["scored"], base["unscored"]) == (5, 10, {"refused": 1})
    assert (method["errors"], method["scored"]) == (2, 11)
    against = method["against_base"]
    assert (against["wins"], against["ties"], against["losses"]) == (4, 5, 1)
    assert against["rsi"] == pytest.approx(9 / 6)
    assert against["mended"] == pytest.approx(4 / 5) and against["broken"] == pytest.approx(1 / 5)
    assert against["p"] == pytest.approx(2 * (1 + 5) / 32)
    assert against["aer_difference"] == pytest.approx(-0.3)
    assert method["drift"] == {"mean": pytest.approx(0.2), "images": 11, "outside": False}
    assert method["errors_by_kind"] == {"extra finger": 2} and set(method["categories"]) == {"hands", "feet"}
    assert "against_base" not in base


def test_the_page_shows_them(config: report.Config) -> None:
    text = page_of(report.run(config)).text
    for shown in (
        "50.0%",
        "18.2%",
        "1.50",
        "−30.0",
        "0.38",
        "80.0%",
        "20.0%",
        "over the whole image",
        "refused",
        "5 to 6",
    ):
        assert shown in text, shown
    assert "asap generate --out base/images" in text and "asap judge asap/images" in text
    assert f"asap report {config.judgements[0]}" in text
    assert "the judge's settings: model name m." in text


def test_the_page_needs_nothing_from_elsewhere(config: report.Config) -> None:
    page = (report.run(config) / "report.html").read_text()
    checked = Checker(page)
    sources = [a["href"] or "" for tag, a in checked.tags if tag == "image"]
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    assert not any("src" in a for _, a in checked.tags)
    assert {tag for tag, _ in checked.tags}.isdisjoint({"img", "link", "iframe", "object"})
    assert not re.search(r"url\(|@import|https?://", page.replace("http-equiv", ""))
    (policy,) = [a["content"] or "" for tag, a in checked.tags if a.get("http-equiv")]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in policy and "default-src 'none'" in policy
    assert not any(name.startswith("on") for _, attributes in checked.tags for name in attributes)


def test_text_from_data_is_escaped(tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", "ec", text=HOSTILE, categories=(HOSTILE, "b"))
    method = write_run(tmp_path / "asap", "ce", text=HOSTILE, categories=(HOSTILE, "b"))
    extra = [Section(HOSTILE, HOSTILE, table=Table((HOSTILE,), ((HOSTILE,),)), note=HOSTILE)]
    charts = [curves(HOSTILE, HOSTILE, [Curve(HOSTILE, [(0, 0.1), (1, 0.2)])])]
    extra.append(Section("Chart", figures=charts))
    name = HOSTILE.replace("=", "")
    config = report.Config((f"{name}={base}", f"b={method}"), tmp_path / "report", HOSTILE)
    checked = page_of(report.run(config, extra))
    assert [tag for tag, _ in checked.tags].count("script") == 1  # its own
    assert not any(name.startswith("on") for _, attributes in checked.tags for name in attributes)
    assert checked.text.count("<script>alert(1)</script>") >= 8 and "378221" not in checked.text


def test_a_figure_that_is_no_markup_is_escaped() -> None:
    page = render(Page("t", sections=[Section("s", figures=["<script>alert"])]))  # type: ignore[list-item]
    assert "<script>alert" not in page


def test_further_sections_stand_between_numbers_and_images(config: report.Config) -> None:
    text = page_of(report.run(config, [Section("Against steps", "a sentence")])).text
    assert text.rindex("What it mended") < text.rindex("Against steps") < text.rindex("The first prompts")


def test_training_runs_bring_their_curves_and_their_commands(config: report.Config, tmp_path: Path) -> None:
    run = write_training(tmp_path / "run", "asap", tau=0.1)
    page = page_of(report.run(replace(config, runs=(f"ASAP={run}",)), commands=["asap figures --out pairs"]))
    assert page.text.index("Against the base") < page.text.index("ASAP: preference gap")
    assert page.text.index("rise of the error") < page.text.rindex("The first prompts")
    assert "asap figures --out pairs\nasap train --out run\nasap generate --out base" in page.text
    assert f"--runs ASAP={run}" in page.text


def test_images_are_chosen_by_rule(config: report.Config) -> None:
    methods = [results.read(spec) for spec in config.judgements]
    keys = gallery.shared_keys(methods)
    assert keys == [(f"p{i}", 0) for i in range(11)]
    assert gallery.first_prompts([("a", 0), ("a", 1), ("b", 0), ("c", 0)], 2) == [("a", 0), ("b", 0)]
    assert gallery.disagreements(methods, keys[2:], 3) == [("p2", 0), ("p3", 0), ("p9", 0)]


def test_large_images_shrink_and_tiny_ones_stay_as_they_are() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 1400, 3), dtype=np.uint8)
    large, tiny = (pictures.thumbnail(Pillow.fromarray(part)) for part in (noise, noise[:24, :24]))
    assert not large.tiny and large.url.startswith("data:image/webp") and len(large.url) < 150_000
    assert (large.width, large.height) == (1400, 700)  # marks are drawn in the image's own pixels
    assert tiny.tiny and tiny.url.startswith("data:image/png")


def test_one_model_alone_has_a_page(config: report.Config, tmp_path: Path) -> None:
    alone = report.Config(config.judgements[:1], tmp_path / "alone")
    text = page_of(report.run(alone)).text
    assert "Against the base" not in text and "base draws an anatomical error in 50.0%" in text


def test_without_images_the_numbers_remain(
    config: report.Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tmp_path / "base" / "images")
    text = page_of(report.run(config)).text
    assert "The first prompts" not in text and "1.50" in text
    assert "The images of base are no longer where the judgements say" in text
    assert "drift of" not in capsys.readouterr().err


def test_nothing_scored_is_no_zero(tmp_path: Path) -> None:
    base, method = write_run(tmp_path / "a", "rr"), write_run(tmp_path / "b", "ur")
    config = report.Config((f"a={base}", f"b={method}"), tmp_path / "report")
    written = json.loads((report.run(config) / "report.json").read_text())
    assert [model["aer"] for model in written["models"]] == [None, None]
    page = page_of(config.out)
    assert (
        "0.0%" not in page.text.replace("100.0%", "")
        and '<svg class="dot' not in (config.out / "report.html").read_text()
    )
    assert "Nothing could be judged of a: 2 refused." in page.text
    assert "Nothing could be judged of b: 1 refused, 1 unreachable." in page.text


def test_the_best_is_held_against_the_next(tmp_path: Path) -> None:
    verdicts = {"base": "e" * 40, "dpo": "c" * 20 + "e" * 20, "asap": "c" * 21 + "e" * 19}
    specs = [f"{name}={write_run(tmp_path / name, letters)}" for name, letters in verdicts.items()]
    report.run(report.Config(tuple(specs), tmp_path / "report"))
    text = page_of(tmp_path / "report").text
    assert "asap has the lowest rate, 47.5%" in text
    assert "asap and dpo, the next lowest, cannot be told apart (−2.5 points, 95% interval" in text
    written = json.loads((tmp_path / "report" / "report.json").read_text())["best_against_next"]
    assert (written["best"], written["next"], written["wins"], written["p"]) == ("asap", "dpo", 1, 1.0)
    more = write_run(tmp_path / "more", "c" * 39 + "e")
    report.run(report.Config((*specs, f"more={more}"), tmp_path / "report"))
    assert "Against asap, the next lowest, more is better, too" in page_of(tmp_path / "report").text


def test_an_error_that_became_more_frequent_is_pointed_out(tmp_path: Path) -> None:
    base, method = write_run(tmp_path / "a", "c" * 20), write_run(tmp_path / "b", "e" * 12 + "c" * 8)
    report.run(report.Config((f"a={base}", f"b={method}"), tmp_path / "report"))
    text = page_of(tmp_path / "report").text
    assert "It makes more of some errors than the base: extra finger (0 to 12 images)." in text
    assert "b: extra finger (p = 0.00049)" in text


def test_no_difference_is_claimed_where_there_is_none(tmp_path: Path) -> None:
    base, method = write_run(tmp_path / "a", "eecc"), write_run(tmp_path / "b", "eccc")
    report.run(report.Config((f"a={base}", f"b={method}"), tmp_path / "report"))
    assert "No model is clearly better" in page_of(tmp_path / "report").text


def test_two_prompts_carry_no_claim_and_no_interval(tmp_path: Path) -> None:
    base, method = write_run(tmp_path / "a", "ee"), write_run(tmp_path / "b", "cc")
    report.run(report.Config((f"a={base}", f"b={method}"), tmp_path / "report"))
    text = page_of(tmp_path / "report").text
    assert "No model is clearly better" in text and "p = 0.5, no interval from 2 prompts" in text
    assert "−100.0 (–)" in text and "fewer than 10 prompts" in text
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    assert written["models"][1]["against_base"]["aer_difference_interval"] is None


def test_models_judged_on_other_prompts_have_a_common_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, method = write_run(tmp_path / "a", "eccc" + "e" * 16), write_run(tmp_path / "b", "eecc")
    report.run(report.Config((f"a={base}", f"b={method}"), tmp_path / "report"))
    models = json.loads((tmp_path / "report" / "report.json").read_text())["models"]
    assert [m["aer"] for m in models] == [0.85, 0.5]
    assert [m["common"]["aer"] for m in models] == [0.25, 0.5]
    text = page_of(tmp_path / "report").text
    assert "a draws an anatomical error in 25.0% of its images" in text
    assert "(a 20, b 4; 4 are common to all)" in text and "AER, common" in text and "4 to 20" in text
    assert "asap: The models were not judged on the same prompts" in capsys.readouterr().err


def test_several_images_of_a_prompt_widen_the_interval_and_the_page_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", ("e" * 4 + "c" * 4) * 5, seeds=4)
    report.run(report.Config((f"a={folder}",), tmp_path / "report"))
    (model,) = json.loads((tmp_path / "report" / "report.json").read_text())["models"]
    assert (model["scored"], model["effective"]) == (40, pytest.approx(9))
    assert model["aer_interval"] == pytest.approx(wilson(4.5, 9))
    assert "a as 9." in page_of(tmp_path / "report").text


def test_a_damaged_image_leaves_a_gap(config: report.Config, tmp_path: Path) -> None:
    (tmp_path / "asap" / "images" / "images" / "0.png").write_bytes(b"\x89PNG, cut")
    page = page_of(report.run(config))
    assert page.text.count("no image") == 2  # among the first prompts, and among the failures
    assert json.loads((config.out / "report.json").read_text())["models"][1]["drift"]["images"] == 10


def test_judgements_of_other_images_are_told(config: report.Config, tmp_path: Path) -> None:
    metadata = tmp_path / "asap" / "images" / "metadata.jsonl"
    metadata.write_text(metadata.read_text().replace('"id": "p', '"id": "q'))
    with pytest.raises(UserError, match="judges no image that is in"):
        report.run(config)


def test_no_judgements_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least one folder"):
        report.run(report.Config((), tmp_path))


def test_dots_stay_inside_their_scale() -> None:
    drawn = shares([Dot("a", 0.5, (0.4, 0.62), "50%"), Dot("b", float("nan"), (0.0, 1.0), "–")])
    places = [float(x) for x in re.findall(r'class="point" d="M([\d.]+)', drawn)]
    assert places == [50.0]  # a value that is no number has no dot
    assert re.findall(r"<span[^>]*>([^<]*)<", drawn) == ["0%", "50%", "100%"]
    assert top_of(0.62) == 0.7 and top_of(3) == 1.0
    drawn = changes([Dot("a", -0.1, (-0.2, 0.05), "")], points)
    assert 'class="reference"' in drawn and ">−20.0<" in drawn and ">0.0<" in drawn
    assert changes([], points) == ""


def test_numbers_read_well() -> None:
    assert (percent(0.283), percent(float("nan"))) == ("28.3%", "–")
    assert (points(-0.231), points(0.05), points(-1e-9)) == ("−23.1", "+5.0", "0.0")
    assert (p_value(0.0321), p_value(1e-9), p_value(1.0), p_value(float("nan"))) == (
        "0.032",
        "< 0.0001",
        "1",
        "–",
    )
