"""What the report adds to its comparison: evidence, failures, votes, cost, and the tables in other forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from asap.bench import report, results
from asap.bench.page import Page, Section, Table
from asap.bench.page.pictures import Mark
from asap.bench.page.radar import CENTRE, RADIUS, Line, radar
from asap.bench.page.texts import escaped, latex, markdown
from asap.bench.report import cast, cost, failures, pairwise, prompted, votes
from asap.bench.report.evidence import marks
from asap.bench.report.gallery import Album, shared_keys
from asap.bench.wording import percent, points, ratio
from asap.errors import UserError
from asap.records import Judgement
from bench_runs import write_run, write_votes

HOSTILE = "a_b & 50% of $x^2$ {~} #1 \\ <b>|`[x](y)`*_"


def judgement(**changes: object) -> Judgement:
    return Judgement("s", "p", 0, "all", **{"verdict": "error", **changes})  # type: ignore[arg-type]


def test_evidence_is_drawn_where_it_is_whole() -> None:
    rows = [
        {"box": [1, 2, 30, 40], "part": "face", "error": None, "answer": "as it should be"},
        {"box": [5.5, 6, 17, 18], "part": "left hand", "error": "extra finger", "answer": "six"},
        {"box": [5, 6, 17, 18], "part": "left hand", "error": "fused fingers", "answer": True},
        {"box": [9, 9, 9, 20]},  # empty
        {"box": [0, 0, float("nan"), 5]},
        {"box": "here"},
        "nothing",
    ]
    found = marks(judgement(evidence={"boxes": rows}, region=(0, 0, 50, 50)))
    assert found == (
        Mark((5, 6, 17, 18), "left hand, extra finger, six; left hand, fused fingers"),
        Mark((1, 2, 30, 40), "face, as it should be"),
    )
    assert marks(judgement(region=(0, 0, 50, 50), evidence={"boxes": "?"})) == (Mark((0, 0, 50, 50), ""),)
    assert marks(judgement(evidence={"worst": [1, 2, 3, 4]})) == (Mark((1, 2, 3, 4), ""),)
    assert marks(judgement(verdict="correct", evidence={"worst": [1, 2, 3, 4]})) == ()


def test_evidence_reaches_the_page_in_the_images_own_pixels(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "ec", size=700, region=(70, 35, 350, 210))
    report.run(report.Config((f"a={folder}",), tmp_path / "report"))
    page = (tmp_path / "report" / "report.html").read_text()
    assert 'viewBox="0 0 700 700"' in page
    assert '<rect class="halo" x="70" y="35" width="280" height="175"/>' in page


def test_failures_show_some_of_each_and_say_how_many(tmp_path: Path) -> None:
    base = write_run(tmp_path / "a", "e" * 40 + "c" * 8, categories=("hands", "feet"))
    method = write_run(tmp_path / "b", "c" * 40 + "e" * 8, categories=("hands", "feet"), shade=9)
    methods = [results.read(f"base={base}"), results.read(f"new={method}")]
    (section,) = failures.sections(methods, Album(1e6), 3)
    assert section.table and section.table.header == ("shown", "hands", "feet")
    assert section.table.rows == [("extra finger", "6 of 24", "6 of 24")]
    tags = [row.tags for row in section.gallery]
    for model in ("base", "new"):
        for category in ("hands", "feet"):
            shown = [tag for tag in tags if tag["model"] == [model] and tag["category"] == [category]]
            assert len(shown) == 3 and all(tag["error"] == ["extra finger"] for tag in shown)
    # the order is by lot, not that of the file, and the same each time
    keys = shared_keys(methods)
    chosen = failures.chosen(methods, keys, 3)
    assert chosen == failures.chosen(methods, keys[::-1], 3) != sorted(chosen)
    assert failures.sections(methods, Album(1e6), 0) == []


def test_pictures_stop_where_the_room_ends(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "e" * 12, size=120)
    rng = np.random.default_rng(0)
    for path in (tmp_path / "a" / "images" / "images").iterdir():
        Pillow.fromarray(rng.integers(0, 256, (120, 120, 3), dtype=np.uint8)).save(path)
    methods = [results.read(f"a={folder}")]
    keys = shared_keys(methods)
    every = Album(1e9).rows(methods, keys)
    sizes = [len(row.cells[0].picture.url) for row in every if row.cells[0].picture]
    album = Album(sum(sizes[:5]) + 1)
    assert len(every) == 12 and len(album.rows(methods, keys)) == 5
    assert len(album.rows(methods, keys[:5])) == 5  # what is in the page already costs nothing
    (section,) = failures.sections(methods, Album(sum(sizes) / 2), 12)
    assert section.table and re.fullmatch("[3-8] of 12", section.table.rows[0][1])
    with pytest.raises(UserError, match="--megabytes is 1; give 2"):
        report.run(report.Config((f"a={folder}",), tmp_path / "report", megabytes=1))


def test_pairs_are_all_and_adjusted_together(tmp_path: Path) -> None:
    letters = {"a": "e" * 30, "b": "e" * 18 + "c" * 12, "c": "c" * 20 + "e" * 10}
    methods = [results.read(f"{n}={write_run(tmp_path / n, v)}") for n, v in letters.items()]
    found = pairwise.pairings(methods)
    assert [(p.first, p.second) for p in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [p.versus.p for p in found]
    assert found[1].p == pytest.approx(3 * min(raw)) and all(p.p >= r for p, r in zip(found, raw))
    (section,) = pairwise.sections(found)
    assert section.table and [row[0] for row in section.table.rows] == ["b – a", "c – a", "c – b"]
    assert pairwise.sections(found[:1]) == []


def test_mismatch_is_a_rate_of_its_own(tmp_path: Path) -> None:
    method = results.read(f"a={write_run(tmp_path / 'a', 'eecccccccr')}")
    lacking = {0: ("gesture",), 3: ("gesture", "mug"), 4: ("mug",), 9: ("mug",)}
    for number, (key, judged) in enumerate(list(method.judgements.items())):
        more = {"mismatch": lacking.get(number, ()), "confidence": 0.9 if number < 5 else 0.5}
        method.judgements[key] = Judgement(**{**vars(judged), **more})  # type: ignore[index]
    found = prompted.mismatches(method)
    assert (found.errors, found.scored) == (4, 10)  # one that has no verdict was looked at, too
    mismatch, confidence = prompted.sections([method])
    assert mismatch.table and mismatch.table.rows[0][-1] == "mug (3), gesture (2)"
    assert confidence.table and confidence.table.rows[0][1:4] == ("0.72", "55.6%", "40.0%")
    assert prompted.as_json(method)["mismatch"]["rate"] == 0.4
    assert prompted.sections([results.read(f"b={write_run(tmp_path / 'b', 'ec')}")]) == []


def test_cost_is_what_the_judge_wrote(tmp_path: Path) -> None:
    folders = {name: write_run(tmp_path / name, "ecec") for name in ("a", "b")}
    usage = {"calls": 4, "cached": 1, "tokens_in": 12345, "tokens_out": 99, "cost": 0.5}
    (folders["a"] / "usage.json").write_text(json.dumps(usage))
    (folders["b"] / "usage.json").write_text(json.dumps({**usage, "cost": None}))
    report.run(report.Config(tuple(f"{n}={f}" for n, f in folders.items()), tmp_path / "report"))
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| a | 4 | 1 | 12,345 | 99 | 0.5 | 125.00 |" in text
    assert "| b | 4 | 1 | 12,345 | 99 | – | – |" in text
    assert "| all | 8 | 2 | 24,690 | 198 | – | – |" in text  # half a sum is no sum
    assert json.loads((tmp_path / "report" / "report.json").read_text())["cost"]["a"] == usage
    (folders["a"] / "usage.json").write_text("{cut")
    assert cost.read(folders["a"]) is None


def test_votes_give_wins_rsi_and_flips(tmp_path: Path) -> None:
    methods = [results.read(f"{n}={write_run(tmp_path / n, 'ec' * 25)}") for n in ("base", "asap")]
    folder = write_votes(tmp_path / "votes", "s" * 20 + "f" * 8 + "t" * 16 + "T" * 4 + "xx")
    (found,) = cast.read([f"base,asap={folder}"], methods)
    told = found.preference
    assert (told.wins, told.ties, told.losses) == (20, 20, 8)
    assert told.rsi == pytest.approx(40 / 28) and told.rsi_interval and told.rsi_interval.low < told.rsi
    assert found.flips == (4, 48) and len(found.votes) - len(found.usable) == 2
    (turned,) = cast.read([f"asap,base={folder}"], methods)  # the same votes, told the other way round
    assert (turned.first, turned.preference.wins) == ("base", 8)
    (section,) = votes.sections([found], ["base", "asap"])
    assert section.table and section.table.rows[0][:6] == ("asap – base", "judge", "50", "20", "20", "8")
    (check,) = votes.checks([found])
    assert check.kind == "good" and "4 of 48 votes changed (8.3%)" in check.text
    assert votes.p_of(found) == pytest.approx(0.0357, abs=1e-4)  # two-sided, 20 of 28
    with pytest.raises(UserError, match="which two of the report's models"):
        cast.read([str(folder)], methods)


def test_votes_that_change_with_the_order_are_warned_of(tmp_path: Path) -> None:
    runs = {name: write_run(tmp_path / name, "ec" * 25) for name in ("base", "asap")}
    folder = write_votes(tmp_path / "votes", "T" * 12 + "s" * 36)
    specs = tuple(f"{name}={run}" for name, run in runs.items())
    report.run(report.Config(specs, tmp_path / "report", votes=(f"base,asap={folder}",)))
    text = (tmp_path / "report" / "report.md").read_text()
    assert "! asap – base: with the order of the two images 12 of 48 votes changed (25.0%)" in text
    assert "half of the votes or more may be chance" in text


def test_a_missing_interval_is_explained_by_one_rule(tmp_path: Path) -> None:
    """Ten prompts or more, in each category too, and not all of them alike."""
    names = ("one", "two")
    for count, told in ((18, True), (20, False)):
        place = tmp_path / str(count)
        runs = {"base": "eec" * 9, "asap": "ecc" * 9}
        folders = {n: write_run(place / n, v[:count], categories=names) for n, v in runs.items()}
        report.run(report.Config(tuple(f"{n}={f}" for n, f in folders.items()), place / "report"))
        text = (place / "report" / "report.md").read_text()
        assert ("fewer than 10 prompts, or all of them change alike" in text) == told
        assert ("(–)" in text) == told
        assert f"one ({count // 2})" in (place / "report" / "report.html").read_text()  # above its dots


def test_votes_find_their_models_and_put_three_on_one_scale(tmp_path: Path) -> None:
    names = ("base", "dpo", "asap")
    folders = {n: write_run(tmp_path / n, "ec" * 20, shade=i) for i, n in enumerate(names)}
    methods = [results.read(f"{n}={f}") for n, f in folders.items()]
    for method in methods:
        method.judged["identity"]["images"] = f"images of {method.name}"
    pairs = {
        ("base", "dpo"): "sssfftttts" * 3,
        ("base", "asap"): "ssssfttsss" * 3,
        ("dpo", "asap"): "sfst" * 7,
    }
    specs = [
        str(write_votes(tmp_path / f"{a}-{b}", letters, images=[f"images of {a}", f"images of {b}"]))
        for (a, b), letters in pairs.items()
    ]
    voted = cast.read(specs, methods)
    assert [(v.first, v.second) for v in voted] == list(pairs)
    written = votes.as_json(voted, names)
    assert written and [m["name"] for m in written["strengths"]["models"]] == list(names)
    logs = [m["log"] for m in written["strengths"]["models"]]
    assert logs[0] == 0 < logs[1] < logs[2]
    assert votes.sections(voted, names)[1].table.rows[0][0] == "asap"  # type: ignore[union-attr]
    broken = tmp_path / "base-dpo" / "votes.jsonl"
    broken.write_text(broken.read_text().replace('"tie"', '"both"'))
    with pytest.raises(UserError, match="unknown choice 'both'"):
        cast.read(specs[:1], methods)


def test_the_tables_agree_with_the_numbers(tmp_path: Path) -> None:
    letters = {"base": "e" * 24 + "c" * 16, "dpo": "ec" * 20, "asap": "c" * 30 + "e" * 10}
    specs = [f"{n}={write_run(tmp_path / n, v, categories=('one', 'two'))}" for n, v in letters.items()]
    out = report.run(report.Config(tuple(specs), tmp_path / "report"))
    numbers = json.loads((out / "report.json").read_text())
    text, tables = (out / "report.md").read_text(), (out / "tables.tex").read_text()
    for model in numbers["models"]:
        low, high = model["aer_interval"]
        aer, ends = percent(model["aer"]), f"{percent(low).removesuffix('%')} to {percent(high)}"
        counts = f"{model['errors']} | {model['scored']}"
        assert f"| {model['name']} | {aer} | {ends} | {counts} |" in text
        row = f"{model['name']} & {aer} & {ends} & {counts.replace('|', '&')} &".replace("%", r"\%")
        assert row in tables
    for pair in numbers["pairs"]:
        row = f"| {pair['second']} – {pair['first']} | {pair['wins']} | {pair['ties']} | {pair['losses']} |"
        assert f"{row} {ratio(pair['rsi'])} | {points(pair['aer_difference'])} (" in text
    assert (
        tables.count(r"\toprule") == tables.count(r"\bottomrule") == text.count("|---|") - 1
    )  # the headline


def test_tables_for_other_documents_are_escaped() -> None:
    page = Page(HOSTILE, sections=[Section(HOSTILE, table=Table((HOSTILE, "−1"), [(HOSTILE, "≤")]))])
    row = next(line for line in markdown(page).splitlines() if line.endswith("≤ |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 3 and r"\<b\>" in row
    body = latex(page)
    for letter in "&%$#_{}":
        assert not re.search(rf"(?<!\\){re.escape(letter)}", escaped(f"a{letter}"))
    assert r"\textbackslash{}" in body and "$-$1" in body and body.count(r"\begin{tabular}{lr}") == 1


def test_the_radar_puts_values_on_their_spokes() -> None:
    line = Line("a", [0.5, 0.25, 0.1, float("nan")], [(0.4, 0.6)] * 4, 1)
    drawn = radar(["up", "right", "down", "left"], [line], top=0.5)
    places = [
        tuple(map(float, p)) for p in re.findall(r'"shape" transform="translate\(([\d.]+) ([\d.]+)\)', drawn)
    ]
    x, y = CENTRE
    assert places[:3] == [(x, y - RADIUS), (x + RADIUS / 2, y), (x, pytest.approx(y + RADIUS / 5, abs=0.1))]
    assert len(places) == 3 + 1  # no number, no mark; and the legend's
    assert radar(["one", "two"], [line]) == ""
