"""How quick `asap review` is: from key to next pair, start-up, memory, pictures and decisions, at many pairs.

    asap figures --kind people --pairs 200 --size 512 --look 0.6 --out people
    python benchmarks/web.py people --pairs 10000

The pairs of the dataset are repeated under new ids. What the page measures is the time from the key's event
to the frame in which the next pair is drawn (`performance.measure("next")`); keys come at a fixed pace.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import sync_playwright

from asap.pairs.hap import dataset, shards
from asap.store import Row, content_id

Start = tuple[subprocess.Popen[str], str, float, float]
SAMPLES = 200
"""Requests timed of each kind."""


def rows(source: Path, count: int) -> Iterator[Row]:
    """`count` rows: those of `source` again and again, with ids of their own."""
    number = 0
    while number < count:
        for row in dataset.read(source):
            if number == count:
                return
            yield row | {"id": content_id(row["id"], number)}
            number += 1


def repeated(source: Path, folder: Path, count: int) -> None:
    """A dataset of `count` pairs in `folder`, without a card."""
    (folder / "data").mkdir(parents=True)
    writer = shards.Shards(folder / "data", "train", dataset.SCHEMA)
    for row in rows(source, count):
        writer.add(row)
    writer.close()
    for name in (dataset.CONTACT_SHEET, dataset.ABOUT):
        shutil.copy(source / name, folder / name)


def started(folder: Path) -> Start:
    """The server, its address, and seconds until it had answered: of the clock, and of the processor."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "asap", "review", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    server.stdout.readline()
    url = "http://127.0.0.1:" + str(urlsplit(server.stdout.readline().split()[1]).port)
    httpx.get(f"{url}/", timeout=60).raise_for_status()
    return server, url, time.perf_counter() - start, processor_seconds(server.pid)


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory(process: int, name: str) -> float:
    """MiB of "VmRSS" (now) or "VmHWM" (the most so far)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def timed(count: int, action: Callable[[int], object]) -> list[float]:
    """Milliseconds of each of `count` calls."""
    found = []
    for number in range(count):
        start = time.perf_counter()
        action(number)
        found.append((time.perf_counter() - start) * 1000)
    return found


def row(what: str, values: list[float]) -> str:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    cells = (statistics.median(values), cuts[94], cuts[98], max(values))
    return f"| {what} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |"


def requests(url: str, ids: list[str], version: str) -> Iterator[str]:
    luck = random.Random(0)
    with httpx.Client(base_url=url, headers={"origin": url}, timeout=60) as client:

        def picture(pair: str) -> None:
            client.get(f"/pictures/{version}/{pair}/rejected.png").raise_for_status()

        def decide(number: int) -> None:
            body = {"key": f"b{number}", "pair": ids[number], "who": "bench", "word": "keep", "undoes": None}
            client.post("/api/decisions", json=body).raise_for_status()

        anywhere = [luck.choice(ids) for _ in range(SAMPLES)]
        yield row("a picture, pairs in order", timed(SAMPLES, lambda number: picture(ids[number])))
        yield row("a picture, pairs anywhere", timed(SAMPLES, lambda number: picture(anywhere[number])))
        yield row("a decision, on the disk", timed(SAMPLES, decide))
        yield row("all ids and columns", timed(5, lambda _: client.get("/api/dataset").raise_for_status()))


def pressed(url: str, chromium: str, keys: int, pace: float, order: str) -> list[float]:
    """Milliseconds from each of `keys` keys, one every `pace` seconds, to the next pair."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium or None, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 860})
        page.goto(url)
        page.wait_for_selector("#who[open]")
        page.keyboard.type(order)
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-pair]")
        page.keyboard.press("/")
        page.select_option("#filters select >> nth=7", order)
        page.keyboard.press("Enter")
        page.wait_for_timeout(5000)
        for number in range(keys):
            start = time.perf_counter()
            page.keyboard.press("kkkr"[number % 4])
            page.wait_for_timeout(max(0.0, pace - (time.perf_counter() - start)) * 1000)
        page.wait_for_timeout(500)
        found = page.evaluate("performance.getEntriesByName('next').map((entry) => entry.duration)")
        browser.close()
    assert len(found) == keys, f"{len(found)} of {keys} keys were followed by a pair"
    return [float(value) for value in found]


def report(folder: Path, starts: Sequence[Start], options: argparse.Namespace) -> None:
    """Print what was measured on the last server of `starts`."""
    server, url, *_ = starts[-1]
    clock, processor = (statistics.median(start[index] for start in starts) for index in (2, 3))
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 2**30
    print(f"{options.pairs} pairs, {size:.1f} GiB")
    print(f"start-up: {clock:.2f} s, {processor:.2f} s of the processor (medians of {len(starts)})")
    idle = memory(server.pid, "VmRSS")
    told = httpx.get(f"{url}/api/dataset", timeout=60).json()
    lines = list(requests(url, told["ids"], told["version"]))
    for order in ("dataset", "random"):
        delays = pressed(url, options.chromium, options.keys, options.pace, order)
        lines.append(row(f"key to next pair, {order} order", delays))
    print(f"memory: {idle:.0f} MiB after start-up, {memory(server.pid, 'VmHWM'):.0f} MiB at most\n")
    print(f"load average {os.getloadavg()[0]:.1f}\n")
    print("| milliseconds | median | 95% | 99% | most |\n|---|---:|---:|---:|---:|")
    print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("hap", type=Path)
    parser.add_argument("--pairs", type=int, default=10000)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--pace", type=float, default=0.5, help="seconds from key to key")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--chromium", default="", help="where it is, if not where Playwright puts it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.hap.parent) as place:
        folder = Path(place) / "hap"
        repeated(options.hap, folder, options.pairs)
        starts = []
        try:
            for _ in range(options.starts):
                starts.append(started(folder))
            report(folder, starts, options)
        finally:
            for start in starts:
                start[0].kill()


if __name__ == "__main__":
    main()
