"""A study made from folders of images: what is asked, of whom, and the pictures without their names."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from asap import progress
from asap.bench import samples as sample_files
from asap.errors import UserError
from asap.records import Sample
from asap.store import Row, seed_of
from asap.study import checks, pictures, plan, texts
from asap.study.folder import PICTURES, Asked, Item, Rater, Study, new_secret, opaque
from asap.study.gold import Gold
from asap.study.gold import read as read_gold
from asap.study.wanted import Made, Task, Wanted
from asap.wording import counted

Key = tuple[str, int]


def folders_of(paths: Sequence[Path]) -> list[tuple[str, list[Sample]]]:
    """Name and samples of each folder of images; names that stand twice get a number.

    Raises:
        UserError: no such folder, or none at all.
    """
    if not paths:
        raise UserError("give at least one folder of images, the base model's first")
    found: list[tuple[str, list[Sample]]] = []
    counts = Counter[str]()
    for path in paths:
        name = path.resolve().name
        counts[name] += 1
        unique = name if counts[name] == 1 else f"{name}-{counts[name]}"
        found.append((unique, sample_files.read(path)))
    return found


class Gathered(NamedTuple):
    """All that a study is made of, read and found good: name and samples of each folder, the units that are
    asked, the number of raters, and gold."""

    folders: list[tuple[str, list[Sample]]]
    units: dict[Key, plan.Unit]
    raters: int
    gold: list[Gold]

    @property
    def samples(self) -> list[tuple[int, Sample]]:
        """The images that are asked about, each with its folder's number."""
        return [
            (number, sample)
            for number, (_, samples) in enumerate(self.folders)
            for sample in samples
            if (sample.prompt_id, sample.seed) in self.units
        ]


def make(folder: Path, images: Sequence[Path], ids: Sequence[str], gold: Path | None, want: Wanted) -> Study:
    """Make the study in `folder`; `ids` stand for the images in each of the folders `images`.

    Raises:
        UserError: images or gold that are missing or damaged, folders without a prompt in common, or a plan
            that cannot be; all of that before a picture is written.
    """
    known = _gathered(images, gold, want)
    shutil.rmtree(folder / PICTURES, ignore_errors=True)  # of a study that was not finished
    return _made(folder, images, ids, known, want)


def _gathered(images: Sequence[Path], gold: Path | None, want: Wanted) -> Gathered:
    folders = folders_of(images)
    units = _drawn(_units([samples for _, samples in folders], want.task), want)
    asked = list(units.values())
    raters = _raters(asked, want)
    found = Gathered(folders, units, raters, read_gold(gold, checks.kinds(asked), want.seed) if gold else [])
    for number, sample in progress.bar(found.samples, desc="looked at", unit="image"):
        pictures.file(images[number] / sample.file_name)
    return found


def _made(folder: Path, images: Sequence[Path], ids: Sequence[str], found: Gathered, want: Wanted) -> Study:
    made, units = Made(folder), list(found.units.values())
    known = _write_pictures(made, images, found)
    rates, votes = checks.checks(made, known, found.gold, want, units)
    raters = _planned(made, units, found.raters, rates, votes, want)
    described = [
        {"name": name, "path": str(path.resolve()), "images_id": id_}
        for (name, _), path, id_ in zip(found.folders, images, ids, strict=True)
    ]
    text = want.instructions or texts.instructions(
        want.task != "vote", want.task != "rate", [len(rater.asked) for rater in raters]
    )
    return Study(
        id=opaque(made.secret, "study"),
        title=want.title,
        instructions=text,
        parts=want.parts,
        folders=tuple(described),
        sizes=made.sizes,
        items=made.items,
        raters=raters,
    )


def _units(folders: Sequence[Sequence[Sample]], task: Task) -> dict[Key, plan.Unit]:
    """The units by prompt and seed, in the order of the folders."""
    by_key: dict[Key, list[str]] = {}
    votes: dict[Key, list[str]] = {}
    first = {(sample.prompt_id, sample.seed) for sample in folders[0]}
    for number, samples in enumerate(folders):
        for sample in samples:
            key = (sample.prompt_id, sample.seed)
            by_key.setdefault(key, []).append(f"rate/{number}/{sample.id}")
            if number and key in first:
                votes.setdefault(key, []).append(f"vote/{number}/{sample.id}")
    if task != "rate" and not votes:
        raise UserError(
            "votes need two folders of images with prompts and seeds in common; generate both from one "
            "prompt file, or give --task rate"
        )
    return {
        key: plan.Unit(tuple(rated) if task != "vote" else (), tuple(votes.get(key, ())) * (task != "rate"))
        for key, rated in by_key.items()
        if task != "vote" or key in votes
    }


def _drawn(units: Mapping[Key, plan.Unit], want: Wanted) -> dict[Key, plan.Unit]:
    if not want.units or want.units >= len(units):
        return dict(units)
    kept = set(random.Random(seed_of(want.seed, "drawn")).sample(list(units), want.units))
    return {key: unit for key, unit in units.items() if key in kept}


def _raters(units: Sequence[plan.Unit], want: Wanted) -> int:
    """How many raters; a UserError where those that were asked for are too few."""
    largest = max(len(unit.rates) + len(unit.votes) for unit in units)
    try:
        needed = plan.raters_needed(len(units), want.raters_per_item, want.per_rater, largest)
    except ValueError:
        raise UserError(
            f"--per-rater {want.per_rater}: one prompt alone has {counted(largest, 'question')}; give at "
            "least that many"
        ) from None
    if not want.raters:
        return needed
    if want.raters > len(units) * want.raters_per_item:
        most = len(units) * want.raters_per_item
        raise UserError(f"--raters {want.raters}: there are questions for {counted(most, 'rater')} at most")
    if want.raters < want.raters_per_item:
        raise UserError(
            f"--raters {want.raters}: each item wants {want.raters_per_item}; give as many raters, or "
            f"--raters-per-item {want.raters}"
        )
    if want.raters < needed:
        most = want.raters * (want.per_rater // largest) // want.raters_per_item
        raise UserError(
            f"--raters {want.raters}: {counted(len(units), 'prompt with its seed', 'prompts and seeds')}, "
            f"{counted(want.raters_per_item, 'rater')} each, take {needed} raters of "
            f"{counted(want.per_rater, 'question')}; give more, a larger --per-rater, or "
            f"--units {most}, which draws as many prompts and seeds"
        )
    return want.raters


def _write_pictures(made: Made, images: Sequence[Path], found: Gathered) -> dict[str, str]:
    """The pictures of all units and the items of the study; returns picture ids by "FOLDER/SAMPLE"."""
    known: dict[str, str] = {}
    base: dict[Key, Sample] = {}
    for number, sample in progress.bar(found.samples, desc="pictures", unit="image"):
        name = f"{number}/{sample.id}"
        known[name] = made.put(pictures.read(images[number] / sample.file_name), "image", name)
        key = (sample.prompt_id, sample.seed)
        if number == 0:
            base[key] = sample
        if f"rate/{name}" in found.units[key].rates:
            made.items[f"rate/{name}"] = Item("rate", "study", (known[name],), (_told(number, sample),))
        if f"vote/{name}" in found.units[key].votes:
            both = (known[f"0/{base[key].id}"], known[name])
            told = (_told(0, base[key]), _told(number, sample))
            made.items[f"vote/{name}"] = Item("vote", "study", both, told)
    return known


def _told(number: int, sample: Sample) -> Row:
    names = ("id", "prompt_id", "seed", "category")
    return {"folder": number, **{name: getattr(sample, name) for name in names}}


def _planned(
    made: Made,
    units: Sequence[plan.Unit],
    count: int,
    rates: plan.Checks,
    votes: plan.Checks,
    want: Wanted,
) -> tuple[Rater, ...]:
    shares = plan.shared_out(len(units), count, want.raters_per_item, want.seed)
    raters = []
    for number, share in enumerate(shares):
        slots = plan.slots([(units[unit], turn) for unit, turn in share], rates, votes, want.seed, number)
        asked = tuple(
            Asked(opaque(made.secret, "asked", number, at), slot.item, slot.role, slot.swapped)
            for at, slot in enumerate(slots)
        )
        code, done = (opaque(made.secret, word, number)[:8] for word in ("code", "done"))
        raters.append(Rater(f"rater-{number + 1:02d}", new_secret(), code, done.upper(), asked))
    return tuple(raters)
