"""Chromium for tests of pages, and what pages are asked: contrast of their texts, names of their controls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
CONTRAST = """() => {
  const light = (text) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((x) => x / 255)
      .map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return /rgba\\(.*, 0\\)/.test(colour) && node.parentElement ? ground(node.parentElement) : colour;
  };
  const own = (node) => [...node.childNodes].some((x) => x.nodeType === 3 && x.data.trim());
  return [...document.querySelectorAll("body *")].filter((node) => own(node) && node.checkVisibility()
      && !node.closest("figcaption, noscript, kbd, :disabled")).map((node) => {
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
    return [node.textContent.trim(), (a + 0.05) / (b + 0.05)];
  });
}"""
NAMELESS = """() => {
  const name = (node) => node.ariaLabel || node.labels?.[0]?.textContent
    || document.getElementById(node.getAttribute("aria-labelledby") ?? "")?.textContent
    || (node.tagName === "BUTTON" && node.textContent) || "";
  return [...document.querySelectorAll("button, input, select, canvas, progress, dialog")]
    .filter((node) => !name(node).trim()).map((node) => node.outerHTML);
}"""


AXE = Path(os.environ.get("ASAP_TEST_AXE", ""))
"""Where axe-core's axe.min.js is, if anywhere."""
RUN_AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
  (rule) => rule.nodes.map((node) => `${rule.impact} ${rule.id}: ${node.target} ${node.failureSummary}`))"""


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it is now: how bad, which rule, where."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text(encoding="utf-8"))
    return [str(text) for text in page.evaluate(RUN_AXE)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield running
        running.close()
