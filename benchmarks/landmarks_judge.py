"""How far the judge `landmarks` can be trusted: its thresholds, what it finds and its false alarms.

    python benchmarks/landmarks_judge.py --rows ROWS.jsonl [--photos FOLDER --pairs HAP] [--each 12] [--write]

Drawn people with errors of `anatomy.people_errors`, seen by MediaPipe, or with their exact points and noise
("given": what a good detector that knows no more than 133 points might tell). With --photos also photos as
they are, which are correct, and the negatives that `asap build FOLDER --out HAP` made of them. A run that was
stopped goes on. Every rate is cross-fitted: thresholds chosen on four fifths of the sources (a drawn scene, a
photo) judge the last fifth. --write sets the judge's thresholds to those chosen on all.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from asap.anatomy.detectors.mediapipe import find_regions
from asap.anatomy.detectors.regions import Found, WholeBody, assemble, is_usable, of_people
from asap.anatomy.keypoints import size_of, split
from asap.anatomy.people_errors import PEOPLE_ERRORS, skeleton_of
from asap.anatomy.skeletons import to_wholebody
from asap.bench.judges.landmarks import table
from asap.bench.judges.landmarks.landmarks import shrunk
from asap.bench.statistics import wilson
from asap.figures.people.figure import Figure
from asap.pairs.drawn import people_figures
from asap.pairs.hap import dataset
from asap.pairs.photos import Unreadable, read_photo
from asap.pairs.sources.find import find_photos
from asap.records import Image, Region
from asap.store import append_rows, read_rows, seed_of

SIZES, LOOK, SEED = (256, 384, 512), 0.5, 41
NOISE = 0.02
"""Spread of given points, in sizes of their part."""
FOLDS = 5
MARGIN, SMALL = 1.3, 0.05
LEAST_FOUND, LEAST_CLEAN = 3, 10
"""Sources with an error of its part that a test must find to speak, and correct pictures it must tell."""
CLEAN = "correct"
Row = dict[str, Any]


def given(figure: Figure, image: Image, seed: int) -> list[Region]:
    """The regions of a figure's exact points with noise; a whole hand too many is one more hand."""
    size, rng = len(image), np.random.default_rng(seed)
    skeleton = skeleton_of(figure)

    def seen(part: str, points: Any) -> Any:
        own = points * size - 0.5
        scale = size_of(part, own)
        own = own + rng.normal(0, NOISE * (scale if math.isfinite(scale) else 0), own.shape)
        return np.where(((own < 0) | (own >= size)).any(axis=1, keepdims=True), np.nan, own)

    parts = split(to_wholebody(skeleton)).items()
    whole = np.concatenate([seen(name.rpartition("_")[2], points) for name, points in parts])
    regions = of_people(image, [WholeBody(whole, np.ones(133))])
    more = [seen("hand", extra.points) for extra in skeleton.extras if extra.part.endswith("hand")]
    hands = [Found(points, 1.0) for points in more if np.isfinite(points).all()]
    usable = [hand for hand in hands if is_usable("hand", hand.points, image)]
    return [*assemble(image, usable, [], [], None), *regions]


def row(key: str, source: str, world: str, truth: str, part: str, image: Image, regions: list[Region]) -> Row:
    """One picture: the largest number of each test, and what was found."""
    scores: dict[str, float] = {}
    for each in table.measure(image, regions):
        scores[each.test] = max(each.score, scores.get(each.test, -math.inf))
    found = sorted({region.part for region in regions})
    return {"key": key, "source": source, "world": world, "truth": truth, "part": part, "found": found,
            "scores": scores}  # fmt: skip


def drawn(each: int, done: set[str]) -> Iterator[list[Row]]:
    """Pairs of drawn people, `each` of every error: both pictures by both detectors."""
    for number in range(each * len(PEOPLE_ERRORS)):
        key = f"d{number}"
        if key in done:
            continue
        draft, size = next(people_figures.drafts(SEED, number)), SIZES[number % len(SIZES)]
        pair = people_figures.rendered(draft, size, look=LOOK)
        if pair is None:
            continue
        rows = []
        for figure, image, truth in (
            (draft.correct, pair.chosen, CLEAN),
            (draft.faulty, pair.rejected, pair.error),
        ):
            noisy = given(figure, image, seed_of("noise", number))
            rows.append(row(key, key, "drawn, mediapipe", truth, pair.part, image, find_regions(image)))
            rows.append(row(key, key, "drawn, given", truth, pair.part, image, noisy))
        yield rows


def photographed(photos: Path, pairs: Path, done: set[str]) -> Iterator[list[Row]]:
    """Photos, and the negatives made of them."""
    world = "photos, mediapipe"
    for photo in find_photos(photos, exclude=("ai_*",))[0]:
        if f"p{photo.source}" not in done:
            try:
                image = shrunk(read_photo(photo.file, 1024))
            except Unreadable:
                continue
            yield [row(f"p{photo.source}", photo.source, world, CLEAN, "", image, find_regions(image))]
    for pair in dataset.read(pairs, ("id", "rejected", "source", "error", "part")):
        if pair["id"] not in done:
            image = np.asarray(Pillow.open(BytesIO(pair["rejected"]["bytes"])).convert("RGB"))
            regions = find_regions(image)
            yield [row(pair["id"], pair["source"], world, pair["error"], pair["part"], image, regions)]


def thresholds(rows: Iterable[Row]) -> dict[str, float]:
    """`MARGIN` times the most of a correct picture, of the tests that find enough then (`LEAST_FOUND`)."""
    rows = list(rows)
    limits = {}
    for name, test in table.TESTS.items():
        clean = [r["scores"][name] for r in rows if r["truth"] == CLEAN and name in r["scores"]]
        limit = MARGIN * max([*clean, SMALL])
        faulty = [r for r in rows if r["truth"] != CLEAN and r["part"] in test.part]
        found = {r["source"] for r in faulty if r["scores"].get(name, -math.inf) > limit}
        if len(clean) >= LEAST_CLEAN and len(found) >= LEAST_FOUND:
            limits[name] = round(limit, 3)
    return limits


def crossed(rows: list[Row]) -> list[tuple[Row, list[str] | None]]:
    """Each row with the tests that speak of it by thresholds of the other folds; None: nothing is told."""
    found = []
    for fold in range(FOLDS):
        own = [r for r in rows if seed_of("fold", r["source"]) % FOLDS == fold]
        limits = thresholds(r for r in rows if seed_of("fold", r["source"]) % FOLDS != fold)
        for each in own:
            told = {name: score for name, score in each["scores"].items() if name in limits}
            found.append((each, [n for n, s in told.items() if s > limits[n]] if told else None))
    return found


def share(count: int, total: int) -> str:
    low, high = wilson(count, total)
    return f"{count}/{total} ({100 * low:.0f} to {100 * high:.0f}%)" if total else "-"


def spoken(world: str, judged: list[tuple[Row, list[str] | None]]) -> list[str]:
    """The table of one world: correct pictures, then those of each error."""
    kinds: Mapping[tuple[str, str], list[Any]] = defaultdict(list)
    for each, tests in judged:
        if each["world"] == world:
            kinds["" if each["truth"] == CLEAN else each["part"], each["truth"]].append(tests)
            if each["truth"] != CLEAN:
                kinds[each["part"], "**all errors**"].append(tests)
    lines = ["| truth | judged wrong | unscored | tests that spoke |", "|---|---:|---:|---|"]
    for (part, truth), words in sorted(kinds.items()):
        scored = [tests for tests in words if tests is not None]
        counts = Counter(name for tests in scored for name in tests)
        told = ", ".join(f"{name} {n}" for name, n in counts.most_common())
        lines.append(
            f"| {truth}{f' ({part})' if part else ''} | {share(sum(map(bool, scored)), len(scored))} | "
            f"{len(words) - len(scored)} | {told} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    done = {r["key"] for r in read_rows(options.rows)}
    for made in drawn(options.each, done):
        append_rows(options.rows, made)
    if options.photos and options.pairs:
        for made in photographed(options.photos, options.pairs, done):
            append_rows(options.rows, made)
    rows = list(read_rows(options.rows))
    chosen = {}
    for detector in ("mediapipe", "given"):
        own = [r for r in rows if r["world"].endswith(detector)]
        chosen[detector] = thresholds(own)
        judged = crossed(own)
        for world in sorted({r["world"] for r in own}):
            print(f"\n## {world}\n\n" + "\n".join(spoken(world, judged)))
    print("\n## Thresholds\n\n" + "\n".join(f"{name}: {limits}" for name, limits in chosen.items()))
    if options.write:
        place = Path(table.__file__).with_name("thresholds.json")
        note = "chosen by benchmarks/landmarks_judge.py; `given` serves all detectors that are not named"
        place.write_text(json.dumps({"about": note, "thresholds": chosen}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
