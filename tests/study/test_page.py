"""`asap study` as raters use it: in Chromium, by the keyboard, with reloads and kills, and as one file."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

import browsers
import hostile
import reviews
import studies
from asap.bench import report
from asap.store import read_rows
from asap.study import answers, folder, imports, results, run
from asap.study.answers import Said
from asap.web import journal

pytest.importorskip("starlette", reason="the extra `review` is not installed")
pytest.importorskip("uvicorn", reason="the extra `review` is not installed")
sync_api = pytest.importorskip("playwright.sync_api")
if not browsers.CHROMIUM.exists():
    pytest.skip("there is no Chromium", allow_module_level=True)

browser = browsers.browser

HACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
SMALL = """() => [...document.querySelectorAll("button")].filter((b) => b.checkVisibility()
  && getComputedStyle(b).visibility === "visible").map((b) => b.getBoundingClientRect())
  .map((box) => Math.min(box.width, box.height)).filter((side) => side < 44)"""


class Rater:
    """Somebody at a browser of their own, past the consent unless told otherwise."""

    def __init__(self, browser: Any, address: str, *, begin: bool = True, **options: Any) -> None:
        options = {"viewport": {"width": 1100, "height": 700}} | options
        self.page = browser.new_context(accept_downloads=True, **options).new_page()
        self.page.set_default_timeout(60000)
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        if begin:
            self.view("consent")
            self.page.keyboard.press("Enter")
            self.ready()

    def view(self, name: str) -> None:
        self.page.wait_for_function("name => document.body.dataset.view === name", arg=name)

    def ready(self) -> None:
        self.page.wait_for_function(
            "() => document.body.dataset.view === 'end' || document.body.dataset.item"
        )

    @property
    def item(self) -> str:
        return str(self.page.evaluate("document.body.dataset.item"))

    @property
    def kind(self) -> str:
        ended = "document.body.dataset.view === 'end' ? 'end' : document.body.dataset.kind"
        return str(self.page.evaluate(ended))

    def press(self, *keys: str) -> str:
        """Press keys of which the last leads to another question, or the end; returns where that was."""
        before = self.item
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_function(
            "before => document.body.dataset.view === 'end' || "
            "(document.body.dataset.item && document.body.dataset.item !== before)",
            arg=before,
        )
        return before

    def through(self, rate: str = "c", vote: str = "t") -> dict[str, str]:
        """Answer all that is left by one key for each kind; returns the keys by question."""
        pressed = {}
        while (kind := self.kind) != "end":
            key = rate if kind == "rate" else vote
            pressed[self.press(key)] = key
        return pressed

    def settled(self) -> None:
        self.page.wait_for_function("() => document.body.dataset.waiting === '0'")

    def text(self, selector: str) -> str:
        return str(self.page.text_content(selector))


def said(place: Path) -> dict[str, Said]:
    study = folder.load(place / "study")
    return {one.asked.id: one for one in answers.said(place / "study" / folder.ANSWERS, study)}


WORDS = {"c": "correct", "u": "unsure", "t": "tie"}


def test_two_raters_by_keyboard_with_a_reload_a_kill_and_mended_answers(browser: Any, tmp_path: Path) -> None:
    study, port = studies.made(tmp_path, 3), reviews.free_port()
    pressed: dict[str, str] = {}
    with studies.serving(tmp_path, port) as server:
        ana, ben = (Rater(browser, link) for link in server.links()[:2])
        assert ana.text("#done") == f"1 of {len(study.raters[0].asked)}"
        wrong = ana.press("e", "ArrowLeft", "ArrowUp", "1", "3", "Enter")  # a mark by keys, two parts
        pressed[ben.press("u")] = "u"
        pressed[ana.press("u")] = "u"
        ana.page.keyboard.press("z")  # back, and the answer mended
        ana.page.wait_for_function(
            "() => document.querySelector('[data-word=unsure]').ariaPressed === 'true'"
        )
        ana.ready()
        pressed[ana.press("c")] = "c"
        left = ana.item
        ana.settled()
        ana.page.reload()
        ana.ready()
        assert ana.item == left and ana.text("#done").startswith("3 of")
        ben.settled()
        server.end(signal.SIGKILL)
        pressed[ana.press("u")] = "u"  # preloaded; the answer waits here
        ana.page.wait_for_selector("#link:not([hidden])")
        assert "kept here and will be sent" in ana.text("#link")
    with studies.serving(tmp_path, port):
        ana.settled()
        pressed |= ana.through() | ben.through(vote="t")
        for rater, known in ((ana, study.raters[0]), (ben, study.raters[1])):
            rater.settled()
            rater.page.wait_for_selector("#code:not([hidden])")
            assert rater.text("#completion") == known.completion and not rater.troubles
        ana.page.click("#mend")  # from the end back to the last vote
        ana.ready()
        last = ana.press("ArrowRight")
        ana.settled()
    found = said(tmp_path)
    assert set(found) == {a.id for rater in study.raters[:2] for a in rater.asked}
    assert found[last].word == ("first" if found[last].asked.swapped else "second")
    error = found.pop(wrong)
    assert (error.word, error.parts) == ("error", ("hand", "foot"))
    assert error.box and error.box[0] == error.box[2] and 0 < error.box[0] < 180
    del found[last]
    assert {key: one.word for key, one in found.items()} == {
        key: WORDS[value] for key, value in pressed.items() if key not in (wrong, last)
    }
    assert all(one.seconds is not None and one.seconds < 30 for one in found.values())


def test_a_click_and_a_box_are_pixels_of_the_picture_also_when_zoomed(browser: Any, tmp_path: Path) -> None:
    studies.made(tmp_path, 2)
    with studies.serving(tmp_path) as server:
        ana = Rater(browser, server.links()[0])
        box = ana.page.locator("[data-side=a] canvas").bounding_box()
        scale = min(box["width"] / 180, box["height"] / 160)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def at(x: float, y: float, zoom: float = 1.0) -> tuple[float, float]:
            return middle[0] + (x - 90) * scale * zoom, middle[1] + (y - 80) * scale * zoom

        ana.page.mouse.click(*at(60, 40))
        ana.page.wait_for_selector("#where:not([hidden])")
        click = ana.press("Enter")
        ana.page.keyboard.press("+")
        ana.page.mouse.move(*at(80, 70, 1.3))
        ana.page.mouse.down()
        ana.page.mouse.move(*at(110, 100, 1.3), steps=3)
        ana.page.mouse.up()
        drawn = ana.press("Enter")
        ana.page.mouse.click(*at(60, 40))
        ana.page.keyboard.press("z")  # taken back: nothing was said
        ana.page.wait_for_selector("#where", state="hidden")
        ana.settled()
    found = said(tmp_path)
    assert len(found) == 2 and found[click].box == pytest.approx((60, 40, 60, 40), abs=1)
    assert found[drawn].box == pytest.approx((80, 70, 110, 100), abs=1)


def test_the_offline_file_is_done_reloaded_imported_and_reported(browser: Any, tmp_path: Path) -> None:
    place, file = tmp_path, tmp_path / "study.html"
    images = studies.both(place, 3)
    run.run(run.Config(images, place / "study", offline=file, megabytes=4, instructions=_hack(tmp_path)))
    assert file.stat().st_size < 4 * 2**20
    study, sent = folder.load(place / "study"), []
    for number, known in enumerate(study.raters):
        if number:
            rater = Rater(browser, f"{file.as_uri()}#{known.code}")
        else:  # by typing the code, after a wrong one
            rater = Rater(browser, file.as_uri(), begin=False)
            for code in ("nobody", known.code.upper()):
                rater.view("code")
                rater.page.keyboard.type(code)
                rater.page.keyboard.press("Enter")
            rater.view("consent")
            assert rater.text("#body").startswith(HACK) and rater.page.evaluate("window.hacked") is None
            rater.page.keyboard.press("Enter")
            rater.ready()
        for _ in range(2):
            rater.press("e", "2", "Enter")
        left = rater.item
        rater.page.goto(f"{file.as_uri()}#{known.code}")
        rater.page.reload()
        rater.ready()
        assert rater.item == left
        rater.through()
        with rater.page.expect_download() as download:
            rater.page.click("#download")
        sent.append(tmp_path / f"got-{download.value.suggested_filename}")
        download.value.save_as(sent[-1])
        assert download.value.suggested_filename == f"answers-{known.code}.jsonl" and not rater.troubles
        assert all(address.startswith(("file:", "data:", "blob:")) for address in rater.requests)
    assert [len(list(read_rows(path))) for path in sent] == [len(r.asked) + 1 for r in study.raters]
    taken = imports.run(imports.Config(place / "study", tuple(sent)))
    assert taken.total() == sum(len(rater.asked) + 1 for rater in study.raters)
    assert sum(one.word == "error" for one in said(place).values()) == 6
    human = results.run(results.Config(place / "study", place / "human", min_attention=0))
    out = report.run(report.Config(tuple(str(human / name) for name in studies.MODELS), place / "report"))
    told = json.loads((out / "report.json").read_text())
    assert told["judge"]["name"] == "human" and all(model["scored"] for model in told["models"])


def _hack(place: Path) -> Path:
    (place / "text.md").write_text(f"{HACK}\n\n</script></style>{HACK}\n")
    return place / "text.md"


def test_join_gives_places_until_there_are_no_more(browser: Any, tmp_path: Path) -> None:
    study = studies.made(tmp_path, 1, title=HACK)
    with studies.serving(tmp_path, 0, "--title", HACK) as server:
        seen = []
        for _ in study.raters:
            rater = Rater(browser, server.url, begin=False)
            rater.view("join")
            rater.page.keyboard.press("Enter")
            rater.view("consent")
            seen.append(rater.page.url.rpartition("/")[2])
            assert rater.text("#title") == HACK and rater.page.evaluate("window.hacked") is None
        assert seen == [rater.token for rater in study.raters[::-1]]
        late = Rater(browser, server.url, begin=False)
        late.view("join")
        late.page.keyboard.press("Enter")
        late.view("trouble")
        assert "no free place" in late.text("#body")


def test_a_page_elsewhere_can_neither_read_nor_send(browser: Any, tmp_path: Path) -> None:
    """Not even one that knows a rater's link."""
    study = studies.made(tmp_path, 1)
    with studies.serving(tmp_path) as server:
        link, asked = server.links()[0], study.raters[0].asked[0]
        picture = study.items[asked.item].pictures[0]
        posts = [
            (f"{server.url}/api/join", {}),
            (f"{link}/api/answers", {"key": "evil-0001", "item": folder.CONSENT, "word": "yes"}),
        ]
        reads = [f"{link}/api/study", f"{link}/pictures/{picture}.png", f"{server.url}/static/main.js"]
        assert hostile.attack(browser, posts, [*reads, server.url, link]) == ""
        before = journal.Journal(tmp_path / "study" / folder.ANSWERS).entries()
        ana = Rater(browser, link)  # the page's own way is open
        ana.press("c")
        ana.settled()
    assert before == [] and said(tmp_path)[asked.id].word == "correct"


def test_it_can_be_read_heard_and_reached_in_light_dark_and_on_a_phone(browser: Any, tmp_path: Path) -> None:
    studies.made(tmp_path, 1)
    with studies.serving(tmp_path) as server:
        links = server.links()
        phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "reduced_motion": "reduce"}
        for link, scheme, more in zip(links, ("light", "dark", "dark"), ({}, {}, phone), strict=True):
            rater = Rater(browser, link, begin=False, color_scheme=scheme, **more)
            rater.view("consent")
            for keys in ([], ["Enter"], ["e", "1"], ["Enter", "c", "c", "c", "c"], ["?"]):
                for key in keys:
                    if rater.page.evaluate("document.body.dataset.view") == "consent":
                        rater.page.keyboard.press(key)
                        rater.ready()
                    elif rater.kind == "rate" and key in ("Enter", "c"):
                        rater.press(key)
                    elif rater.kind == "rate" or key == "?":
                        rater.page.keyboard.press(key)
                found = rater.page.evaluate(browsers.CONTRAST)
                assert found and not [entry for entry in found if entry[1] < 4.5]
                assert rater.page.evaluate(browsers.NAMELESS) == []
                width = (more or {"viewport": {"width": 1100}})["viewport"]["width"]  # type: ignore[index]
                assert rater.page.evaluate("document.documentElement.scrollWidth") == width
                if more and keys != ["?"]:
                    assert rater.page.evaluate(SMALL) == []
            rater.page.keyboard.press("Escape")
            assert rater.kind == "vote" and not rater.troubles
