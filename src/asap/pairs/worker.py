"""One photo: find its body parts, try degradations on each, keep the pairs that pass the gates."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from asap.anatomy.detectors.detector import Unusable
from asap.anatomy.detectors.load import load
from asap.anatomy.keypoints import size_of
from asap.errors import UserError
from asap.pairs.checks import witness
from asap.pairs.checks.candidates import Candidate, Made, best_candidate
from asap.pairs.checks.gates import fault, similarity
from asap.pairs.checks.semantics import absent, evidence
from asap.pairs.composite import composite, crop_box
from asap.pairs.degradations import DEGRADATIONS, Entry
from asap.pairs.engines.scene import with_neighbours
from asap.pairs.hap import dataset
from asap.pairs.hap.duplicates import perceptual_hash
from asap.pairs.photos import Unreadable, read_photo
from asap.pairs.rules import Rules, entries
from asap.records import Image, Pair, Photo, Region
from asap.store import Row, content_id, seed_of, to_json, write_atomic

CHOSEN = ("strength", "evidence", "witness")
"""What the choice of the best candidate adds to a pair's parameters."""
EDITION = 4
"""Of the code that makes a photo's pairs. Raise it when other pairs come out: then all are made anew."""


def process(photo: Photo, folder: Path, rules: Rules) -> Row:
    """Make the pairs of `photo` and keep them as `folder/<key>.parquet`, with an account in `<key>.json`.

    The account, written last and returned, has the photo's key, id and source, whether its caption is the
    user's own, the number of pairs, the parts found, why no pair came of the photo ("skipped", else null) and
    the attempts that were rejected, with their reasons.
    """
    key, rejected = key_of(photo), list[Row]()
    account: Row = {
        "captioned": photo.caption is not None,
        "key": key,
        "id": photo.id,
        "source": photo.source,
        "pairs": 0,
        "parts": {},
        "skipped": None,
    }
    try:
        image = read_photo(photo.file, rules.size)
        regions = with_neighbours(load(rules.detector).find(image, photo))
    except (Unreadable, Unusable) as reason:
        account["skipped"] = str(reason)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one strange file must not end a run of thousands
        account["skipped"] = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    else:
        account["parts"] = Counter(region.part for region in regions)
        whole, told = dataset.png(image, photo=True), provenance(photo, image, rules.detector.name)
        pairs = attempts(image, regions, photo, rules, rejected)
        rows = (dataset.encode(pair, whole, told, photo=True) for pair in pairs)
        account["pairs"] = dataset.write_shard(folder / f"{key}.parquet", rows)
        account["skipped"] = None if account["pairs"] else nothing_made(regions, rejected)
    write_atomic(folder / f"{key}.json", to_json({**account, "rejected": rejected}) + "\n")
    return account


def provenance(photo: Photo, image: Image, detector: str) -> dict[str, str | None]:
    """Where the pairs of `photo` come from, as `dataset.PROVENANCE` names it."""
    return {
        "source_hash": photo.id,
        "perceptual_hash": perceptual_hash(image),
        "license": photo.licence,
        "detector": detector,
    }


def nothing_made(regions: Sequence[Region], rejected: Sequence[Row]) -> str:
    """Why no pair came of a photo, in a few words."""
    if not regions:
        return "nobody found: no hand, face or body that is large enough"
    if not rejected:
        found = ", ".join(sorted({region.part for region in regions}))
        return f"no error asked for is of a part that was found ({found})"
    reasons = Counter(row["reason"] for row in rejected)
    return "no error suits it: " + ", ".join(reason for reason, _ in reasons.most_common(2))


def key_of(photo: Photo) -> str:
    """What a photo's pairs depend on, beside the rules: its bytes, name, caption, licence, and the code."""
    told = [photo.licence] if photo.licence else []
    return content_id(EDITION, photo.id, photo.source, photo.caption, *told)


def attempts(
    image: Image, regions: Sequence[Region], photo: Photo, rules: Rules, rejected: list[Row]
) -> Iterator[Pair]:
    """The accepted pairs of one photo; what was rejected is added to `rejected`, with the reason.

    Regions take turns, in an order of chance, for one pair each, until every region has had `per_region`, or
    the photo `per_photo`. The chance is the photo's own: its bytes, the region and the seed.
    """
    order = list(range(len(regions)))
    random.Random(seed_of(rules.seed, photo.id)).shuffle(order)
    prompt = photo.caption or describe(regions)
    turns = [pairs_of(image, regions[i], i, photo, prompt, rules, rejected) for i in order]
    return islice(take_turns(turns), rules.per_photo)


def take_turns(sources: Sequence[Iterator[Pair]]) -> Iterator[Pair]:
    """The next of each of `sources` in turn, until all are at their ends."""
    while sources:
        going = []
        for source in sources:
            for pair in islice(source, 1):
                going.append(source)
                yield pair
        sources = going


def pairs_of(
    image: Image, region: Region, index: int, photo: Photo, prompt: str, rules: Rules, rejected: list[Row]
) -> Iterator[Pair]:
    """The accepted pairs of region number `index`: at most `per_region`, each of another error.

    The errors come in an order of chance, and of each error one degradation at a time.
    """
    accepted: set[str] = set()
    table = entries(rules.engines)
    for name in ordered(rules.degradations, region.part, seed_of(rules.seed, photo.id, index), table):
        error = table[name].error
        if error in accepted:
            continue
        seed = seed_of(rules.seed, photo.id, rules.size, region.part, index, name)
        identity = content_id(photo.id, rules.size, region.part, index, name, seed)
        facts: Row = {"id": identity, "prompt": prompt, "part": region.part, "error": error}
        facts |= {"degradation": name, "source": photo.source, "seed": seed, "box": None, "metrics": {}}
        pair, reason = attempt(image, region, facts, rules)
        if pair is None:
            rejected.append({**facts, "reason": reason})
            continue
        yield pair
        accepted.add(error)
        if len(accepted) == rules.per_region:
            return


def attempt(image: Image, region: Region, facts: Row, rules: Rules) -> tuple[Pair | None, str]:
    """The best pair of one degradation, or None and why not; what was measured is added to `facts`."""
    name = facts["degradation"]
    function = entries(rules.engines)[name].load(name)
    judge = judge_of(image, region, facts["error"], rules)
    best = best_candidate(function, (image, region), facts["seed"], judge, rules.tries)
    facts["metrics"] = dict(best.metrics)
    if best.made is None:
        return None, best.refused
    facts["box"] = best.made.box
    if best.refused:
        return None, best.refused
    told = {name: best.metrics[name] for name in CHOSEN if best.metrics.get(name) is not None}
    negative, mask, _ = best.made
    return Pair(**facts, chosen=image, rejected=negative, mask=mask, parameters=told), ""


def judge_of(image: Image, region: Region, error: str, rules: Rules) -> Callable[[Image], Candidate]:
    """What composites, measures and gates an edit of `region` that is to show `error`."""
    return functools.partial(measured, image, region, error, rules)


def measured(image: Image, region: Region, error: str, rules: Rules, edited: Image) -> Candidate:
    """`edited` laid over `image`, measured and gated; what costs more is measured where the rest passes."""
    laid = composite(image, edited, size_of(region.part, region.keypoints))
    if laid is None:
        return Candidate("nothing changed", way=1)
    made = Made(*laid, crop_box(laid[1]) or (0, 0, 0, 0))
    negative, mask = laid
    metrics: dict[str, float | None] = {**similarity(image, negative, mask)}
    found = fault(metrics, mask, rules.gates)
    if found is None and rules.lpips:
        from asap.pairs.checks.lpips import perceptual  # torch, which is not needed otherwise

        metrics |= perceptual(rules.lpips, image, negative, mask)
        found = fault(metrics, mask, rules.gates)
    if found is None:
        metrics["evidence"] = evidence(error, image, negative, region, rules.checks)
        found = absent(metrics["evidence"])
        if metrics["evidence"] is None and rules.witness:
            word = witness.sees(error, image, negative, region, rules.witness)
            metrics["witness"] = witness.SCORES[word]
            found = witness.unseen(word)
    reason, way = found or ("", rules.target.way(metrics))
    return Candidate(reason, way, rules.target.distance(metrics), made, metrics)


def ordered(
    names: Sequence[str], part: str, seed: int, table: Mapping[str, Entry] | None = None
) -> list[str]:
    """The degradations of `part` among `names`: one of each error in an order of chance, then the others."""
    rng, table = random.Random(seed), table or DEGRADATIONS
    errors: dict[str, list[str]] = {}
    for name in names:
        if table[name].part == part:
            errors.setdefault(table[name].error, []).append(name)
    for group in errors.values():
        rng.shuffle(group)
    groups = list(errors.values())
    rng.shuffle(groups)
    rounds = max(map(len, groups), default=0)
    return [group[turn] for turn in range(rounds) for group in groups if turn < len(group)]


def describe(regions: Sequence[Region]) -> str:
    """A plain caption from what was found: "a photo of two people, three hands visible"."""
    found = Counter(region.part for region in regions)
    people = max(found["face"], found["body"])
    who = {0: "", 1: "a person"}.get(people, f"{_count(people)} people")
    hands = f"{_count(found['hand'])} {'hand' if found['hand'] == 1 else 'hands'}" if found["hand"] else ""
    if not who:
        return f"a photo of {hands or 'people'}"
    return f"a photo of {who}" + (f", {hands} visible" if hands else "")


def _count(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if number < len(words) else str(number)
