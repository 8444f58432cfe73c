"""axe-core finds nothing to mend on any page, in any state: run where ASAP_TEST_AXE names its axe.min.js."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import browsers
import reviews
import studies
from asap.bench import leaderboard, report
from asap.study import folder, run
from bench_runs import write_run, write_training, write_votes

pytest.importorskip("playwright.sync_api")
if not browsers.AXE.is_file():
    pytest.skip("ASAP_TEST_AXE names no axe.min.js", allow_module_level=True)

browser = browsers.browser

DEVICES = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "low": {"viewport": {"width": 844, "height": 390}, "has_touch": True, "is_mobile": True},
}
DARK = "(prefers-color-scheme: dark)"
LOOKS = [(scheme, name) for scheme in ("light", "dark") for name in DEVICES]


@pytest.fixture(params=LOOKS, ids=lambda look: " ".join(look))
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    scheme, device = request.param
    context = browser.new_context(color_scheme=scheme, **DEVICES[device])
    context.set_default_timeout(60000)
    yield context.new_page()
    context.close()


def closed(page: Any) -> None:
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('dialog[open]')")


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reviews.write(tmp_path_factory.mktemp("axe") / "hap", 3)


def test_review(page: Any, reviewed: Path) -> None:
    with reviews.serving(reviewed) as server:
        page.goto(server.url)
        page.wait_for_selector("#who[open]")
        found = {"who": browsers.violations(page)}
        page.keyboard.type(
            page.evaluate("`${innerWidth} ${matchMedia('(prefers-color-scheme: dark)').matches}`")
        )
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-pair]")
        found["pair"] = browsers.violations(page)
        for name, key in {"filters": "/", "help": "?", "agreement": "a", "label": "Shift+W"}.items():
            page.keyboard.press(key)
            page.wait_for_selector("dialog[open]")
            found[name] = browsers.violations(page)
            closed(page)
        for key in ("f", "2"):
            page.keyboard.press(key)
            found[key] = browsers.violations(page)
            page.keyboard.press(key)
        for key in "kwr":
            before = page.evaluate("document.body.dataset.pair")
            page.keyboard.press(key)
            if key == "k":
                page.keyboard.press("ArrowLeft")
                found["decided"] = browsers.violations(page)
                page.keyboard.press("ArrowRight")
            if key != "r":
                page.wait_for_function("before => document.body.dataset.pair !== before", arg=before)
        page.wait_for_selector("#empty:not([hidden])")
        found["empty"] = browsers.violations(page)
    assert {name: told for name, told in found.items() if told} == {}


def answered(page: Any, key: str, item: str) -> None:
    page.keyboard.press(key)
    page.wait_for_function(
        "item => document.body.dataset.view === 'end' || "
        "(document.body.dataset.item && document.body.dataset.item !== item)",
        arg=item,
    )


def through(page: Any) -> dict[str, list[str]]:
    """From the consent to the end; what was found in each state."""
    found = {}
    page.wait_for_function("() => document.body.dataset.view === 'consent'")
    found["consent"] = browsers.violations(page)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.body.dataset.item")
    found["rate"] = browsers.violations(page)
    page.keyboard.press("?")
    found["help"] = browsers.violations(page)
    closed(page)
    page.keyboard.press("e")
    page.keyboard.press("1")
    found["where"] = browsers.violations(page)
    answered(page, "Enter", page.evaluate("document.body.dataset.item"))
    while (view := page.evaluate("document.body.dataset.view")) != "end":
        kind, item = (page.evaluate(f"document.body.dataset.{name}") for name in ("kind", "item"))
        if kind == "vote" and "vote" not in found:
            found["vote"] = browsers.violations(page)
        assert view == "ask"
        answered(page, "c" if kind == "rate" else "t", item)
    found["end"] = browsers.violations(page)
    page.keyboard.press("z")
    page.wait_for_function("() => document.body.dataset.item")
    found["again"] = browsers.violations(page)
    return found


def test_study(page: Any, tmp_path: Path) -> None:
    studies.made(tmp_path, 1)
    with studies.serving(tmp_path) as server:
        page.goto(server.url)
        page.wait_for_function("() => document.body.dataset.view === 'join'")
        found = {"join": browsers.violations(page)}
        page.goto(server.links()[0])
        found |= through(page)
    assert {name: told for name, told in found.items() if told} == {}


def test_study_offline(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "study.html"
    run.run(run.Config(studies.both(tmp_path, 1), tmp_path / "study", offline=file))
    page.goto(file.as_uri())
    page.wait_for_function("() => document.body.dataset.view === 'code'")
    found = {"code": browsers.violations(page)}
    page.keyboard.type(folder.load(tmp_path / "study").raters[0].code)
    page.keyboard.press("Enter")
    found |= through(page)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with most of what one can have, and a leaderboard beside it."""
    place = tmp_path_factory.mktemp("report")
    names, runs = ("gestures", "holding a thing", "full body"), {}
    for name, letters in {"base": "e" * 30 + "c" * 15, "one": "c" * 33 + "e" * 12, "two": "ecr" * 15}.items():
        runs[name] = write_run(place / name, letters, categories=names, size=120, region=(9, 9, 50, 50))
        write_run(place / "second" / name, letters[::-1], categories=names, judge="figures")
    specs = tuple(f"{name}={judged}" for name, judged in runs.items())
    others = tuple(f"{name}={place / 'second' / name / 'judged'}" for name in runs)
    votes = write_votes(place / "votes", "fsSTtx" * 8)
    trained = write_training(place / "run", "asap", tau=0.1)
    report.run(
        report.Config(
            specs,
            place / "report",
            second=others,
            votes=(f"base,one={votes}",),
            runs=(f"one={trained}",),
            leaderboard=place / "board.jsonl",
        )
    )
    leaderboard.run(leaderboard.Config(place / "board.jsonl", place / "board.html"))
    return place


@pytest.mark.parametrize("file", ["report/report.html", "board.html"])
def test_report(page: Any, reported: Path, file: str) -> None:
    page.goto((reported / file).as_uri())
    assert browsers.violations(page) == []
