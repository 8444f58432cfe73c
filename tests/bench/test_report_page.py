"""The report in a real browser: nothing from elsewhere, filters by the keyboard, phone, dark and print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import browsers
from asap.bench import report
from bench_runs import write_run

pytest.importorskip("playwright.sync_api")
if not browsers.CHROMIUM.exists():
    pytest.skip("there is no Chromium", allow_module_level=True)

browser = browsers.browser

SHOWN = "[...document.querySelectorAll('.filtered > figure')].filter((node) => node.checkVisibility())"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    names = ("gestures", "holding a thing", "full body")
    letters = {
        "base": "e" * 30 + "c" * 15,
        "a model with a rather long name, after 1000 steps": "c" * 33 + "e" * 12,
    }
    specs = [
        f"{name}={write_run(folder / name[:4], v, categories=names, size=120, region=(9, 9, 50, 50))}"
        for name, v in letters.items()
    ]
    return report.run(report.Config(tuple(specs), folder / "report", failures=9)) / "report.html"


def opened(browser: Any, file: Path, **options: Any) -> tuple[Any, list[str]]:
    """The page, and a list into which troubles and requests come."""
    seen: list[str] = []
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(60000)
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda request: seen.append(request.url))
    page.goto(file.as_uri())
    return page, [text for text in seen if text != file.as_uri() and not text.startswith("data:")]


def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(browser: Any, page_file: Path) -> None:
    page, seen = opened(browser, page_file)
    assert seen == []
    pictures = page.evaluate(
        "[...document.images].length + document.querySelectorAll('svg.picture image').length"
    )
    assert pictures == 1  # all the grey squares are alike, and held once
    refused = page.evaluate("fetch('https://127.0.0.1:9/').then(() => 'gone out', () => 'refused')")
    assert refused == "refused"
    assert (
        page.evaluate("document.querySelectorAll('section[id]').length") == page.locator("nav a").count() - 1
    )


def test_failures_are_narrowed_down_by_the_keyboard(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file, viewport={"width": 1280, "height": 900})
    every = page.locator(".filtered > figure").count()
    assert every > 24 and len(page.evaluate_handle(SHOWN).evaluate("rows => rows.map(String)")) == 24
    page.locator("select[data-filter=category]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # the second of the categories
    tags = page.evaluate(f"{SHOWN}.map((node) => JSON.parse(node.dataset.tags).category[0])")
    assert set(tags) == {"holding a thing"} and 0 < len(tags) < every
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("b")  # the model by its first letter
    wrong = page.evaluate(f"{SHOWN}.map((node) => JSON.parse(node.dataset.tags).model)")
    assert wrong and all("base" in models for models in wrong)
    assert page.locator(".filters output").inner_text().startswith(f"{len(wrong)} of {len(wrong)} rows")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # show all
    page.wait_for_function(f"{SHOWN}.length === 24")
    page.locator("button.more").press("Enter")
    assert page.evaluate(f"{SHOWN}.length") == min(48, every)
    assert page.evaluate("document.activeElement.tagName") == "FIGCAPTION"


def test_without_scripts_everything_is_there(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file, java_script_enabled=False)
    assert page.locator(".filtered > figure:visible").count() == page.locator(".filtered > figure").count()
    assert page.locator("form.filters:visible, button.more:visible").count() == 0


def test_the_list_of_sections_follows_what_is_read(browser: Any, page_file: Path) -> None:
    page, seen = opened(browser, page_file, viewport={"width": 390, "height": 844})
    names = page.eval_on_selector_all("main section", "parts => parts.map((part) => part.id)")
    for name in ("by-category", names[-1], names[0]):
        page.evaluate("name => document.getElementById(name).scrollIntoView()", name)
        page.wait_for_function(
            """name => {
              const link = document.querySelector("nav a[aria-current]"), box = link.getBoundingClientRect();
              return link.hash === `#${name}` && box.left >= 0 && box.right <= innerWidth;
            }""",
            arg=name,
        )
    assert not seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(browser: Any, page_file: Path, scheme: str) -> None:
    page, seen = opened(browser, page_file, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 390 and not seen
    faint = [found for found in page.evaluate(browsers.CONTRAST) if found[1] < 4.5]
    assert faint == [] and page.evaluate(browsers.NAMELESS) == []


def test_print_leaves_the_controls_out(browser: Any, page_file: Path) -> None:
    page, _ = opened(browser, page_file, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("nav:visible, form.filters:visible, button:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("h1:visible").count() == 1 and page.locator("svg.radar:visible").count() == 1
