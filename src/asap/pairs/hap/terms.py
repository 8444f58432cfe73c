"""What decides, beside the photos' own pairs, what a finished dataset holds: decisions, licence, splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from asap.errors import UserError
from asap.pairs.hap import dataset, decisions, splits, thumbnails
from asap.pairs.hap.contact import pixels
from asap.pairs.hap.duplicates import perceptual_hash
from asap.store import Row

FACTS = ("id", "source", "source_hash", "perceptual_hash")


class Terms(NamedTuple):
    """A licence for photos that have none of their own, the share held out, and the pairs that are to go."""

    license: str = ""
    test_share: float = 0.0
    rejected: frozenset[str] = frozenset()


class Plan(NamedTuple):
    """What becomes of the pairs of each photo, by its source.

    Attributes:
        splits: "train" or "test", or None for a photo that may be in neither.
        hashes: perceptual hashes that rows may lack.
        dropped: ids of pairs that people rejected.
    """

    splits: Mapping[str, str | None]
    hashes: Mapping[str, str]
    dropped: Mapping[str, list[str]]


def settle(folder: Path, license: str, test_share: float | None) -> Terms:
    """The terms for the dataset in `folder`, which may be there already: a split once made stays.

    Raises:
        UserError: a share that cannot be or differs from that of the dataset, or decisions that are damaged.
    """
    before = float(dataset.about(folder)["test_share"])
    share = before if test_share is None else test_share
    if not 0 <= share < 1:
        raise UserError(f"--test-share {share:g} does not lie between 0 and 1; 0.05 holds out one in twenty")
    if before and share != before:
        raise UserError(
            f"{folder} was split with --test-share {before:g}, which stays; "
            "leave it out, or give another --out"
        )
    return Terms(" ".join(license.split()), share, decisions.rejected(decisions.read(folder)))


def met(folder: Path, terms: Terms) -> bool:
    """Whether the finished dataset in `folder` is as `terms` want it."""
    if dataset.about(folder)["test_share"] != terms.test_share:
        return False
    rows = dataset.read(folder, ["id", "license"])
    return not any(row["id"] in terms.rejected or (terms.license and not row["license"]) for row in rows)


def plan(folder: Path, new: Iterable[Path], terms: Terms) -> Plan:
    """What becomes of the photos of the dataset in `folder` and of those whose pairs the files `new` hold."""
    shots: dict[str, splits.Shot] = {}
    dropped: dict[str, list[str]] = defaultdict(list)
    settled, paths_new = dataset.about(folder)["test_share"] > 0, list(new)
    parts = [(dataset.files(folder, split), split if settled else None) for split in splits.SPLITS]
    for paths, split in [*parts, (paths_new, None)]:
        for path in paths:
            for row in dataset.read_shard(path, FACTS):
                if row["id"] in terms.rejected:
                    dropped[row["source"]].append(row["id"])
                shots[row["source"]] = _shot(row, split, shots.get(row["source"]))
    if not terms.test_share:
        return Plan({}, {}, dropped)
    missing = {source for source, shot in shots.items() if not shot.perceptual}
    hashes = _hashed(folder, missing)
    whole = {
        source: shot._replace(perceptual=hashes.get(source, shot.perceptual))
        for source, shot in shots.items()
    }
    alike = thumbnails.alike(folder, paths_new, {source: shot.content for source, shot in whole.items()})
    return Plan(splits.assign(whole, terms.test_share, alike), hashes, dropped)


def _shot(row: Row, split: str | None, before: splits.Shot | None) -> splits.Shot:
    """The photo of `row`; one that is made anew, its picture unchanged, stays where it was `before`."""
    content = row["source_hash"] or row["source"]
    settled = before.split if before and before.content == content else None
    return splits.Shot(content, row["perceptual_hash"] or "", split or settled)


def _hashed(folder: Path, sources: set[str]) -> dict[str, str]:
    """Perceptual hashes of photos whose pairs an earlier version wrote without."""
    found: dict[str, str] = {}
    for row in dataset.read(folder, ["source", "chosen"]) if sources else ():
        if row["source"] in sources and row["source"] not in found:
            found[row["source"]] = perceptual_hash(pixels(row["chosen"]["bytes"]))
    return found


def applied(row: Row, terms: Terms, made: Plan) -> Row | None:
    """The row as it goes into the dataset, or None where it does not."""
    if row["id"] in terms.rejected or made.splits.get(row["source"], splits.TRAIN) is None:
        return None
    known = row["perceptual_hash"] or made.hashes.get(row["source"])
    return row | {"license": row["license"] or terms.license or None, "perceptual_hash": known}
