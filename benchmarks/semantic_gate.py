"""How often the semantic gate is right, where the truth is known: on drawn people and, with nulls, on photos.

    python benchmarks/semantic_gate.py [--photos FOLDER] [--pairs 12]
    python benchmarks/semantic_gate.py --endpoint URL --model-name NAME --answers FOLDER [--pairs 4]

Drawn people have exact skeletons: a pair has the error it names, and is searched for that error (found,
missed, unknown) and for every other error of its part. Nulls change pixels but no anatomy: another light,
grain, blur, small smooth warps, and in drawn people another expression, a turned hand, a moved forearm. Of
photos the errors are those that the degradations made and the gates on pixels passed: assumed to be seen.

With --endpoint a vision-language model (`asap build --checks vlm`) is calibrated: on every true error, and on
two others for each picture and null. Its answers are kept in --answers: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from asap.anatomy.detectors.mediapipe import find_regions
from asap.anatomy.keypoints import size_of
from asap.anatomy.people_errors import PEOPLE_ERRORS, skeleton_of, with_skeleton
from asap.anatomy.skeleton_errors import SKELETON_ERRORS
from asap.anatomy.skeletons import moved_below, rotated
from asap.figures.people import scenes
from asap.figures.people.figure import Figure
from asap.figures.people.looks import NUMBER
from asap.figures.people.render import render_people
from asap.lookup import choose
from asap.pairs import worker
from asap.pairs.checks import questions, semantics, witness
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.drawn import people_figures
from asap.pairs.edits.warp import Bump, apply_bumps
from asap.pairs.photos import Unreadable, read_photo
from asap.pairs.sources.find import find_photos
from asap.records import Image, Mask, Region
from asap.store import seed_of

SIZE, LOOK, SEED = 448, 0.5, 11
LABELS = {
    "face": ("face", "head"),
    "hand": ("left_hand", "right_hand"),
    "body": tuple(name for name in NUMBER if name not in ("background", "object")),
}
OVERLAP = {
    "asymmetric face": {"displaced eye", "tilted eye", "enlarged eye", "twisted mouth"},
    "broken finger": {"missing finger", "fused fingers", "shortened finger"},
    "missing finger": {"fused fingers", "shortened finger"},
    "shortened finger": {"fused fingers", "missing finger"},
    "fused fingers": {"missing finger", "broken finger"},
    "misconnected finger": {"missing finger", "shortened finger", "fused fingers", "broken finger"},
    "broken bone": {"boneless forearm"},
    "missing limb": {"broken bone"},
}
"""Error -> those of its part that it brings along, or that a person would say as well."""
Tally = Counter[tuple[str, str, str]]
FEW = 2
"""Other errors that a model is asked of for each picture."""
Null = Callable[[Image, Region, random.Random], Image]


def relit(image: Image, region: Region, rng: random.Random) -> Image:
    """The part in another light and tint."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[region.mask] += [rng.choice((-18, 18)), rng.uniform(-8, 8), rng.uniform(-8, 8)]
    return np.asarray(cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB))


def grained(image: Image, region: Region, rng: random.Random) -> Image:
    """The part in coarse grain, which the gates on pixels take for a change."""
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 28, image.shape)
    noisy = np.clip(image + noise * region.mask[..., None], 0, 255)
    return np.asarray(noisy, np.uint8)


def blurred(image: Image, region: Region, rng: random.Random) -> Image:
    """The part a little out of focus."""
    soft = cv2.GaussianBlur(image, (0, 0), max(0.8, 0.012 * size_of(region.part, region.keypoints)))
    return np.where(region.mask[..., None], soft, image)


def warped(image: Image, region: Region, rng: random.Random) -> Image:
    """The part under smooth bumps that shift it by up to a twenty-fifth of its size."""
    size, known = size_of(region.part, region.keypoints), region.keypoints
    inside = (known >= 0).all(axis=1) & (known < (image.shape[1], image.shape[0])).all(axis=1)
    known = known[inside]  # and not NaN
    far = 0.04 * size
    bumps = [
        Bump(known[rng.randrange(len(known))], (0.4 * size, 0.4 * size), shift=(rng.uniform(-far, far),) * 2)
        for _ in range(3)
    ]
    return apply_bumps(image, bumps)


NULLS: dict[str, Null] = {"light": relit, "grain": grained, "blur": blurred, "warp": warped}


def drawn_region(part: str, figure: Figure, faulty: Figure, labels: Mask) -> Region | None:
    """The region of the correct figure in which `faulty` differs; None where its size cannot be told."""
    name = part
    if part == "hand":
        differs = [
            not np.array_equal(getattr(figure, each), getattr(faulty, each), equal_nan=True)
            or any(extra == each for extra, _ in faulty.extras)
            for each in ("left_hand", "right_hand")
        ]
        name = "left_hand" if differs[0] else "right_hand"
    points = getattr(figure, name) * SIZE - 0.5
    wanted = (name,) if part == "hand" else LABELS[part]
    mask = np.isin(labels, [NUMBER[each] for each in wanted])
    people = np.isin(labels, [NUMBER[each] for each in LABELS["body"]])
    if not np.isfinite(size_of(part, points)):
        return None
    return Region(part, mask, points, 1.0, context={"person": people})


def drawn(error: str, count: int) -> Iterator[tuple[people_figures.Draft, Image, Image, Region]]:
    """`count` drafts of an error with photo, negative and region."""
    place, made, number = PEOPLE_ERRORS.index(error), 0, 0
    while made < count and number < 6 * count:
        draft = next(people_figures.drafts(SEED, place + number * len(PEOPLE_ERRORS)))
        number += 1
        pair = people_figures.rendered(draft, SIZE, look=LOOK) if draft.error == error else None
        if pair is None:
            continue
        _, labels = render_people([draft.correct], SIZE)
        region = drawn_region(pair.part, draft.correct, draft.faulty, labels[0])
        if region is not None:
            made += 1
            yield draft, pair.chosen, pair.rejected, region


def redrawn(draft: people_figures.Draft, part: str, rng: random.Random) -> Image:
    """The same person, correct, with another expression, a turned hand, or a forearm moved at its elbow."""
    figure = draft.correct
    if part == "face":
        moods = [mood for mood in ("neutral", "smiling", "laughing") if mood != draft.scene.expression]
        figure = scenes.figure(replace(draft.scene, expression=rng.choice(moods)))
    elif part == "hand":
        angle = np.radians(rng.uniform(4, 8)) * rng.choice((-1, 1))
        skeleton = skeleton_of(figure)
        for joint in (9, 10):
            middle = skeleton.body[joint]
            skeleton = moved_below(skeleton, joint, lambda points, m=middle: rotated(points, m, angle))
        figure = with_skeleton(figure, skeleton)
    else:
        angle, joint = np.radians(rng.uniform(20, 40)) * rng.choice((-1, 1)), rng.choice((7, 8))
        skeleton = skeleton_of(figure)
        middle = skeleton.body[joint]
        figure = with_skeleton(
            figure, moved_below(skeleton, joint, lambda points: rotated(points, middle, angle))
        )
    return render_people([figure], SIZE, look=LOOK, seeds=[draft.seed])[0][0]


class Gate:
    """What is calibrated: the checks of `semantics`, or the model `asked`."""

    def __init__(self, asked: witness.Asked | None = None) -> None:
        self.asked = asked
        self.errors = set(semantics.CHECKS) if asked is None else set(questions.QUESTIONS)

    def evidence(self, error: str, image: Image, negative: Image, region: Region) -> float | None:
        """1 or more where it sees `error`, less where it does not, None where it cannot tell."""
        if self.asked is None:
            return semantics.evidence(error, image, negative, region)
        return {"yes": 1.0, "no": 0.0, "unclear": None}[
            witness.sees(error, image, negative, region, self.asked)
        ]

    def of(self, part: str, rng: random.Random) -> list[str]:
        """The errors of a part to look for: all that have a check, or a few of those with a question."""
        named = {entry.error: entry.part for entry in DEGRADATIONS.values()}
        named |= {row.error: row.part for row in SKELETON_ERRORS.values()}
        found = sorted(error for error in self.errors if named.get(error) == part)
        return found if self.asked is None else rng.sample(found, min(FEW, len(found)))


def note(
    tally: Tally, gate: Gate, kind: str, error: str, image: Image, negative: Image, region: Region
) -> None:
    """Count what the gate says of `error` in a negative whose truth is of `kind`."""
    found = gate.evidence(error, image, negative, region)
    told = "unknown" if found is None else "shown" if found >= 1 else "not shown"
    tally[error, kind, told] += 1


def of_drawn(tally: Tally, gate: Gate, count: int, parts: list[str]) -> None:
    """Errors, wrong kinds and nulls in drawn people."""
    for name in (name for name in PEOPLE_ERRORS if SKELETON_ERRORS[name].part in parts):
        error, part = SKELETON_ERRORS[name].error, SKELETON_ERRORS[name].part
        for index, (draft, image, negative, region) in enumerate(drawn(name, count)):
            rng = random.Random(draft.seed)
            if error in gate.errors:
                note(tally, gate, "true", error, image, negative, region)
            for other in gate.of(part, rng):
                if other not in {error, *OVERLAP.get(error, ())}:
                    note(tally, gate, "other error", other, image, negative, region)
            if index >= -(-count // 3):
                continue
            nulls = {kind: make(image, region, rng) for kind, make in NULLS.items()}
            nulls["redrawn"] = redrawn(draft, part, rng)
            for kind, null in nulls.items():
                for other in gate.of(part, rng):
                    note(tally, gate, kind, other, image, null, region)


def of_photos(tally: Tally, gate: Gate, folder: Path) -> None:
    """Errors made by the degradations, and nulls, of a folder of photos."""
    for photo in find_photos(folder, ("ai_*", "gt/*"))[0]:
        try:
            image = read_photo(photo.file, 1024)
        except Unreadable:
            continue
        for index, region in enumerate(find_regions(image)):
            rng, made = random.Random(seed_of(SEED, photo.id, index)), False
            for name, entry in DEGRADATIONS.items():
                if entry.part != region.part or entry.error not in gate.errors:
                    continue
                function = choose({name: entry.function}, name, "degradation")
                seed = seed_of(SEED, photo.id, index, name)
                rules = worker.Rules(1024, (name,), 1, 1, SEED, checks="none")
                judge = worker.judge_of(image, region, entry.error, rules)
                best = worker.best_candidate(function, (image, region), seed, judge)
                if not best.refused and best.made is not None:
                    note(tally, gate, "photo true", entry.error, image, best.made.negative, region)
                    made = True
            for kind, make in NULLS.items() if made else ():
                null = make(image, region, rng)
                for error in gate.of(region.part, rng):
                    note(tally, gate, f"photo {kind}", error, image, null, region)


def table(tally: Tally, kinds: list[str], true: str) -> str:
    """Rows: error, found of known, unknown, false alarms by kind of null, precision at equal numbers."""
    lines = [f"| error | found | unknown | {' | '.join(kinds)} | recall | precision |"]
    lines.append("|---|---:|---:|" + "---:|" * (len(kinds) + 2))
    for error in (name for name in questions.QUESTIONS if any(key[0] == name for key in tally)):
        shown, missed, unknown = (tally[error, true, told] for told in ("shown", "not shown", "unknown"))
        cells, false, nulls = [], 0, 0
        for kind in kinds:
            wrong, right = tally[error, kind, "shown"], tally[error, kind, "not shown"]
            cells.append(f"{wrong}/{wrong + right}" if wrong + right else "-")
            false, nulls = false + wrong, nulls + wrong + right
        recall = shown / (shown + missed) if shown + missed else None
        rate = false / nulls if nulls else None
        known = recall is not None and rate is not None and recall + rate > 0
        precision = f"{recall / (recall + rate):.2f}" if known else "-"  # type: ignore[operator]
        told = f"{recall:.2f}" if recall is not None else "-"
        lines.append(
            f"| {error} | {shown}/{shown + missed} | {unknown} | {' | '.join(cells)} | {told} | {precision} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--pairs", type=int, default=12, help="of each error of drawn people; 0 for none")
    parser.add_argument("--parts", nargs="+", default=["hand", "face", "body"], choices=list(LABELS))
    parser.add_argument("--endpoint", default="", help="calibrate a vision-language model that answers there")
    parser.add_argument("--model-name", default="")
    parser.add_argument("--answers", type=Path, default=Path("semantic_gate"), help="where these are kept")
    given = parser.parse_args()
    use = "vlm" if given.endpoint else "trusted"
    gate = Gate(
        witness.prepared(witness.Service(given.endpoint, given.model_name), use, given.answers.resolve())
    )
    cv2.setNumThreads(1)
    tally: Tally = Counter()
    if given.pairs:
        of_drawn(tally, gate, given.pairs, given.parts)
        print(table(tally, ["other error", *NULLS, "redrawn"], "true"), "\n")
    if given.photos is not None:
        of_photos(tally, gate, given.photos)
        print(table(tally, [f"photo {kind}" for kind in NULLS], "photo true"))


if __name__ == "__main__":
    main()
