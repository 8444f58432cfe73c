"""Errors put into photos, before | after, on sheets to be looked at, and a table of how many there are.

    python benchmarks/edits.py PHOTOS --degradations third_eye,long_neck --out SHEETS

Every region of every photo in PHOTOS is tried with every degradation, by the gates of `asap build`. A sheet
shows the photo and the pair's negative around what changed, numbered as they come; nothing else is kept.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from asap.anatomy.detectors.mediapipe import find_regions
from asap.pairs.checks.gates import Gates
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.photos import Unreadable, read_photo
from asap.pairs.rules import Rules
from asap.pairs.worker import attempt
from asap.records import Box, Image, Pair, Region
from asap.store import seed_of

TILE, COLUMNS, PER_SHEET = 200, 3, 18
"""Side of a picture in pixels, pairs in a row and on a sheet."""


class Options(NamedTuple):
    """The command line."""

    photos: Path
    degradations: tuple[str, ...]
    out: Path
    size: int
    seed: int


def options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="a folder of photos")
    parser.add_argument("--degradations", default=",".join(DEGRADATIONS), help="names, by commas")
    parser.add_argument("--out", type=Path, default=Path("sheets"), help="folder of the sheets (PNG)")
    parser.add_argument("--size", type=int, default=1024, help="longest side of a photo")
    parser.add_argument("--seed", type=int, default=0)
    found = parser.parse_args()
    names = tuple(found.degradations.split(","))
    if unknown := [name for name in names if name not in DEGRADATIONS]:
        parser.error(f"no degradation {unknown[0]}; there are {', '.join(DEGRADATIONS)}")
    return Options(found.photos, names, found.out, found.size, found.seed)


def tile(pair: Pair, number: int) -> Image:
    """Before | after, around the change and three times as wide as it, at least a sixth of the photo."""
    height, width = pair.chosen.shape[:2]
    half = round(max(1.5 * max(np.ptp(pair.box[::2]), np.ptp(pair.box[1::2])) / 2, max(height, width) / 12))
    x, y = (pair.box[0] + pair.box[2]) // 2, (pair.box[1] + pair.box[3]) // 2
    both = [
        cut(picture, (x - half, y - half, x + half, y + half)) for picture in (pair.chosen, pair.rejected)
    ]
    cv2.putText(both[1], str(number), (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1, cv2.LINE_AA)
    return np.hstack(both)


def cut(picture: Image, box: Box) -> Image:
    """The square `box`, what lies outside the picture black, at the side of a tile."""
    left, top, right, bottom = box
    margin = right - left
    wide = cv2.copyMakeBorder(picture, *4 * [margin], cv2.BORDER_CONSTANT)
    square = wide[top + margin : bottom + margin, left + margin : right + margin]
    method = cv2.INTER_AREA if margin > TILE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (TILE, TILE), interpolation=method), np.uint8)


def write_sheets(out: Path, name: str, tiles: list[Image]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(tiles), PER_SHEET):
        page = tiles[first : first + PER_SHEET]
        page += [np.zeros_like(page[0])] * (-len(page) % COLUMNS)
        rows = [np.hstack(page[i : i + COLUMNS]) for i in range(0, len(page), COLUMNS)]
        sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(out / f"{name}_{first // PER_SHEET}.png"), sheet)


def try_one(image: Image, region: Region, name: str, seed: int, rules: Rules) -> tuple[Pair | None, str]:
    """The pair of one degradation on one region, or None and why not."""
    facts = {"id": name, "prompt": "", "part": region.part, "error": DEGRADATIONS[name].error}
    facts |= {"degradation": name, "source": "", "seed": seed, "box": None, "metrics": {}}
    return attempt(image, region, facts, rules)


def main() -> None:
    chosen = options()
    rules = Rules(chosen.size, chosen.degradations, 1, 1, chosen.seed, Gates())
    tiles: dict[str, list[Image]] = {name: [] for name in chosen.degradations}
    tried: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {name: Counter() for name in chosen.degradations}
    for path in sorted(path for path in chosen.photos.iterdir() if path.is_file()):
        try:
            image = read_photo(path, chosen.size)
        except Unreadable:
            continue
        for index, region in enumerate(find_regions(image)):
            for name in (n for n in chosen.degradations if DEGRADATIONS[n].part == region.part):
                tried[name] += 1
                pair, reason = try_one(
                    image, region, name, seed_of(chosen.seed, path.name, index, name), rules
                )
                if pair is None:
                    reasons[name][reason] += 1
                else:
                    tiles[name].append(tile(pair, len(tiles[name])))
    print("| degradation | regions | accepted | refused, most often because |\n|---|---|---|---|")
    for name in chosen.degradations:
        write_sheets(chosen.out, name, tiles[name])
        most = "; ".join(f"{reason} ({count})" for reason, count in reasons[name].most_common(4))
        print(f"| {name} | {tried[name]} | {len(tiles[name])} | {most} |")


if __name__ == "__main__":
    main()
