"""`asap review` as a person uses it: in Chromium, by the keyboard, with reloads, kills and other people."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import browsers
import hostile
import reviews
from asap.pairs.hap import decisions
from asap.review import agreement
from asap.web import journal

pytest.importorskip("starlette", reason="the extra `review` is not installed")
pytest.importorskip("uvicorn", reason="the extra `review` is not installed")
sync_api = pytest.importorskip("playwright.sync_api")
if not browsers.CHROMIUM.exists():
    pytest.skip("there is no Chromium", allow_module_level=True)

browser = browsers.browser

KEYS = {"k": "keep", "r": "reject", "w": "wrong label", "u": "unsure"}
HACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reviews.write(tmp_path_factory.mktemp("made") / "hap", 24)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "hap")


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, browser: Any, url: str, name: str, **options: Any) -> None:
        self.page = browser.new_context(viewport={"width": 1100, "height": 700}, **options).new_page()
        self.page.set_default_timeout(60000)
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.goto(url)
        self.page.wait_for_selector("#who[open]")
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("body[data-pair]")

    @property
    def pair(self) -> str:
        return str(self.page.evaluate("document.body.dataset.pair"))

    def press(self, key: str) -> str:
        """Press a key that leads to another pair; returns the pair on which it was pressed."""
        before = self.pair
        self.page.keyboard.press(key)
        self.page.wait_for_function("before => document.body.dataset.pair !== before", arg=before)
        return before

    def shown(self, pair: str) -> None:
        """Until `pair` is shown."""
        self.page.wait_for_function("pair => document.body.dataset.pair === pair", arg=pair)

    def text(self, selector: str) -> str:
        return str(self.page.text_content(selector))

    def settled(self) -> None:
        """Until the server has all decisions."""
        self.page.wait_for_function("() => document.body.dataset.waiting === '0'")


def said(folder: Path) -> dict[tuple[str, str], str]:
    found = journal.standing(folder / decisions.REVIEWS)
    return {(answer.item, answer.person): answer.word for answer in found}


def test_a_session_of_200_pairs_with_a_reload_and_a_kill(browser: Any, tmp_path: Path) -> None:
    folder, port = reviews.write(tmp_path / "hap", 200), reviews.free_port()
    with reviews.serving(folder, port) as server:
        ana, pressed = Person(browser, server.url, "ana"), {}
        for number in range(120):
            key = "kkrkwu"[number % 6]
            pressed[ana.press(key)] = KEYS[key]
            if number == 59:
                ana.page.reload()
                ana.page.wait_for_selector("body[data-pair]")
                assert ana.text("#done") == "60 of 200"
            if number == 80:
                ana.press("z")
                assert pressed.pop(ana.pair) == KEYS[key]
        ana.page.wait_for_function("() => Number(document.body.dataset.ready) > 2")
        server.end(signal.SIGKILL)
        for key in "rk":  # fetched before the kill, so that one can go on
            pressed[ana.press(key)] = KEYS[key]
        ana.page.wait_for_selector("#link:not([hidden])")
        assert "kept here and will be sent" in ana.text("#link")
    with reviews.serving(folder, port):
        ana.settled()
        while len(pressed) < 199:
            pressed[ana.press("k")] = "keep"
        pressed[ana.pair] = "reject"
        ana.page.keyboard.press("r")
        ana.page.wait_for_selector("#empty:not([hidden])")
        ana.settled()
        assert ana.text("#done") == "200 of 200" and "Thank you" in ana.text("#empty")
    assert said(folder) == {(pair, "ana"): word for pair, word in pressed.items()}
    entries = journal.Journal(folder / decisions.REVIEWS).entries()
    assert len(entries) == 202  # 200, one that was undone, its undo
    assert sum(entry.answer.undoes is not None for entry in entries) == 1
    assert all(entry.answer.seconds is not None for entry in entries if not entry.answer.undoes)
    assert not ana.troubles


def test_two_reviewers_at_once_and_how_far_they_agree(browser: Any, folder: Path) -> None:
    with reviews.serving(folder) as server:
        ana, ben = Person(browser, server.url, "ana"), Person(browser, server.url, "ben")
        for number in range(12):
            ana.press("k" if number % 3 else "r")
            ben.press("k" if number % 4 else "r")
        ana.settled()
        ben.settled()
        assert ana.page.locator("#others li").count() == 0  # nobody sees others' words beforehand
        ben.page.keyboard.press("a")
        ben.page.wait_for_selector("#twos tr")
        row = ben.page.locator("#twos tr").inner_text().split("\t")
        count = agreement.by_item((pair, who, word) for (pair, who), word in said(folder).items())
        (two,) = agreement.twos(count)
        assert row == ["ana and ben", "12", f"{100 * two.same / 12:.0f}%", f"{two.kappa:.2f}"]
        assert f"Krippendorff's alpha {agreement.alpha(count):.2f}" in ben.text("#alpha")
        before = ben.pair
        ben.page.click("#disputed")
        ben.page.wait_for_function("before => document.body.dataset.pair !== before", arg=before)
        assert ben.page.locator("#others li").count() == 1
        assert ben.text("#place") == f"1 / {12 - two.same}" and ben.pair in agreement.disputed(count)
    assert Counter(who for _, who in said(folder)) == {"ana": 12, "ben": 12}


def test_filter_sort_label_zoom_and_flicker_by_keys(browser: Any, folder: Path) -> None:
    with reviews.serving(folder) as server:
        ana = Person(browser, server.url, "ana")
        keys = ana.page.keyboard
        keys.press("/")
        ana.page.select_option("#filters select >> nth=2", "shifted eye")
        ana.page.select_option("#filters select >> nth=6", "ssim_inside")
        ana.page.fill("#filters input >> nth=1", "0.5")
        ana.page.select_option("#filters select >> nth=7", "ssim_inside")
        ana.page.focus("#filters select >> nth=7")
        keys.press("Enter")
        ana.page.wait_for_selector("#filters", state="hidden")
        expected = sorted(
            (row["ssim_inside"], row["id"])
            for row in reviews.rows(24)
            if row["error"] == "shifted eye" and row["ssim_inside"] <= 0.5
        )
        ana.shown(expected[0][1])
        seen = [ana.pair] + [ana.press("ArrowRight") and ana.pair for _ in expected[1:]]
        assert seen == [pair for _, pair in expected]
        labelled = ana.pair
        keys.press("Shift+W")
        keys.type("twist")
        keys.press("Enter")
        ana.page.wait_for_selector("#label", state="hidden")
        ana.page.wait_for_function("() => document.getElementById('said').textContent.includes('twisted')")
        ana.settled()
        keys.press("f")
        shows = "document.querySelector('[data-pane=chosen]').dataset.shows"
        for wanted in ("negative", "positive", "negative"):
            ana.page.wait_for_function(f"() => {shows} === '{wanted}'")
        keys.press("f")
        assert ana.page.evaluate(shows) == "positive"
        keys.down("Space")
        assert ana.page.evaluate(shows) == "negative"
        keys.up("Space")
        assert ana.page.evaluate(shows) == "positive"
        for key, picture in (
            ("0", "whole"),
            ("b", "error"),
            ("+", "nearer"),
            ("m", "outline"),
            ("2", "alone"),
        ):
            before = ana.page.locator("#stage").screenshot()
            keys.press(key)
            assert ana.page.locator("#stage").screenshot() != before, picture
    found = {answer.item: answer.detail for answer in journal.standing(folder / decisions.REVIEWS)}
    assert found == {labelled: "twisted mouth"} and not ana.troubles


def test_no_html_of_a_caption_runs(browser: Any, tmp_path: Path) -> None:
    folder = reviews.write(tmp_path / "hap", 3, prompt=HACK, error=HACK, source=HACK, parameters=None)
    with reviews.serving(folder) as server:
        eve, ben = Person(browser, server.url, HACK[:40]), Person(browser, server.url, "ben")
        eve.press("w")
        eve.page.keyboard.press("Shift+W")
        eve.page.keyboard.type(HACK[:80])
        eve.page.keyboard.press("Enter")
        eve.settled()
        ben.page.reload()
        ben.page.wait_for_selector("body[data-pair]")
        ben.press("k")
        ben.press("ArrowLeft")
        ben.page.wait_for_selector("#others li")
        ben.page.keyboard.press("a")
        ben.page.wait_for_selector("#people tr")
        for person in (eve, ben):
            assert person.page.evaluate("window.hacked") is None
            assert person.page.locator("img, main script").count() == 0
        assert HACK in ben.text("#prompt") and HACK[:40] in ben.text("#people")
        injected = "() => { document.body.innerHTML = '<b>x</b>'; }"
        with pytest.raises(sync_api.Error, match="TrustedHTML"):
            ben.page.evaluate(injected)


def test_a_page_elsewhere_can_neither_read_nor_send(browser: Any, folder: Path) -> None:
    pair = next(reviews.rows(1))["id"]
    evil = {"key": "evil", "pair": pair, "who": "eve", "word": "keep"}
    with reviews.serving(folder) as server:
        reads = [f"{server.url}{path}" for path in ("/", "/api/dataset", f"/pictures/x/{pair}/chosen.png")]
        assert hostile.attack(browser, [(f"{server.url}/api/decisions", evil)], reads) == ""
        ana = Person(browser, server.url, "ana")  # the page's own way is open
        ana.press("k")
        ana.settled()
    assert said(folder) == {(pair, "ana"): "keep"}


def test_it_can_be_read_and_heard_in_light_and_dark(browser: Any, folder: Path) -> None:
    with reviews.serving(folder) as server:
        for scheme in ("light", "dark"):
            ana = Person(browser, server.url, scheme, color_scheme=scheme)
            assert ana.page.evaluate(browsers.NAMELESS) == []
            ana.press("k")
            assert ana.text("#said") == "Kept."
            ana.press("ArrowLeft")
            for keys in ("", "/", "?", "a", "Shift+W"):
                if keys:
                    ana.page.keyboard.press(keys)
                    ana.page.wait_for_selector("dialog[open]")
                found = ana.page.evaluate(browsers.CONTRAST)
                assert len(found) > 10 and not [entry for entry in found if entry[1] < 4.5]
                ana.page.keyboard.press("Escape")
                ana.page.wait_for_function("() => !document.querySelector('dialog[open]')")


def test_without_motion_on_a_phone_and_by_buttons(browser: Any, folder: Path) -> None:
    with reviews.serving(folder) as server:
        ana = Person(browser, server.url, "ana", reduced_motion="reduce")
        ana.page.set_viewport_size({"width": 390, "height": 844})
        assert ana.page.evaluate("document.documentElement.scrollWidth") == 390
        ana.page.keyboard.press("f")
        ana.page.wait_for_timeout(700)
        assert ana.page.get_attribute("[data-pane=chosen]", "data-shows") == "positive"
        ana.page.keyboard.press("f")
        first = ana.pair
        ana.page.focus("[data-word=reject]")  # a button under the focus is pressed by Space, as ever
        second = ana.press("Space")
        ana.page.click("[data-word=unsure]")  # but not a second time where a pointer had pressed it
        ana.page.keyboard.press("Space")
        ana.settled()
    assert second == first
    assert sorted(said(folder).values()) == ["reject", "unsure"]
