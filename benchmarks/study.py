"""A rater's whole session of the offline file of `asap study`, by keyboard: the file, and how quick it is.

    asap figures --kind people --pairs 30 --size 512 --look 0.6 --out people
    python benchmarks/study.py people --chromium /usr/bin/chromium

The positives and negatives of the dataset stand for two models; other pairs of it are hidden gold. A session
is reloaded half-way, downloaded, imported, and reported.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from asap.bench import report
from asap.pairs.hap import dataset
from asap.study import folder, imports, results, run

PACE = 150.0  # milliseconds from question to key: nobody is faster
CLOCK = """() => {
  let start = null;
  window.taken = [];
  addEventListener("keydown", (event) => { start = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (start === null || !document.body.dataset.item) return;
    const pressed = start;
    start = null;
    requestAnimationFrame(() => window.taken.push(performance.now() - pressed));
  }).observe(document.body, { attributes: true, attributeFilter: ["data-item"] });
}"""
NEXT = """before => document.body.dataset.view === "end" ||
  (document.body.dataset.item && document.body.dataset.item !== before)"""


def images(source: Path, place: Path, count: int) -> tuple[Path, Path]:
    """Two folders of `count` images: the negatives and the positives of the dataset `source`."""
    made = (place / "before", place / "after")
    for target, column in zip(made, ("rejected", "chosen"), strict=True):
        target.mkdir()
        rows = []
        for number, row in zip(range(count), dataset.read(source), strict=False):
            Image.open(io.BytesIO(row[column]["bytes"])).save(target / f"{number}.png")
            rows.append({"file_name": f"{number}.png", "prompt_id": row["id"], "seed": 0})
        (target / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def session(page: Any, address: str) -> list[float]:
    """Milliseconds from the key's event to the frame with the next question, as the page itself measures
    them, of a session that is reloaded half-way."""
    page.goto(address)
    page.wait_for_function("() => document.body.dataset.view === 'consent'")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.body.dataset.item")
    page.evaluate(CLOCK)
    taken: list[float] = []
    count = 0
    while page.evaluate("document.body.dataset.view") != "end":
        if count == 25:
            taken += page.evaluate("window.taken")
            page.reload()
            page.wait_for_function("() => document.body.dataset.item")
            page.evaluate(CLOCK)
        before, kind = (page.evaluate(f"document.body.dataset.{name}") for name in ("item", "kind"))
        page.keyboard.press(("c", "u")[count % 2] if kind == "rate" else "ArrowLeft")
        page.wait_for_function(NEXT, arg=before)
        page.wait_for_timeout(PACE)
        count += 1
    return [*taken, *page.evaluate("window.taken")]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--images", type=int, default=14, help="of each model; three questions each")
    parser.add_argument("--chromium", default=None)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        place = Path(name)
        start = time.perf_counter()
        config = run.Config(
            images(args.dataset, place, args.images),
            place / "study",
            raters_per_item=1,
            gold=args.dataset,
            offline=place / "study.html",
        )
        run.run(config)
        made, (rater,) = time.perf_counter() - start, folder.load(place / "study").raters
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        page = browser.new_context(accept_downloads=True).new_page()
        taken = session(page, f"{(place / 'study.html').as_uri()}#{rater.code}")
        with page.expect_download() as download:
            page.click("#download")
        download.value.save_as(place / "answers.jsonl")
        imported = imports.run(imports.Config(place / "study", (place / "answers.jsonl",)))
        human = results.run(results.Config(place / "study", place / "human", min_attention=0))
        report.run(report.Config(tuple(str(human / n) for n in ("before", "after")), place / "report"))
        cuts = statistics.quantiles(taken, n=100, method="inclusive")
        print(f"study of {2 * args.images} images made in {made:.1f} s, ", end="")
        print(f"file {(place / 'study.html').stat().st_size / 2**20:.1f} MiB")
        print(f"{len(taken)} questions timed, {imported.total()} lines imported, reported")
        print(f"key to next question: median {statistics.median(taken):.0f} ms, ", end="")
        print(f"95% {cuts[94]:.0f} ms, 99% {cuts[98]:.0f} ms, most {max(taken):.0f} ms", end="")
        print(f", load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
