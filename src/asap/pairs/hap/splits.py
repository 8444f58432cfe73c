"""Train and test: near duplicates are never apart, and no photo ever changes its split.

The rule, for groups of near duplicates (`duplicates.groups`):

1. A group none of whose photos was split before goes to test where a number in [0, 1) that is drawn from the
   smallest of its photos' content hashes lies below the share wanted, else to train. So the split of a new
   dataset depends on the photos' bytes alone, not on names, order or number.
2. A group some of whose photos were split before stays where those are, however it has grown.
3. Where new photos join groups that lie in different splits, the new ones are in neither: the old ones stay
   and no two near duplicates are ever apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from asap.pairs.hap import duplicates
from asap.store import seed_of

TRAIN, TEST = "train", "test"
SPLITS = (TRAIN, TEST)


class Shot(NamedTuple):
    """A photo as the rule sees it: its content hash, perceptual hash, and the split it has, if any."""

    content: str
    perceptual: str
    split: str | None = None


def assign(
    photos: Mapping[str, Shot], share: float, alike: Iterable[tuple[str, str]] = ()
) -> dict[str, str | None]:
    """The split of each photo, by source; None for one that may be in neither (rule 3).

    Args:
        photos: by source.
        share: of the groups that go to test, in [0, 1).
        alike: sources of photos that are near duplicates, whatever their hashes say (`crops`).
    """
    sources = sorted(photos)
    place = {source: index for index, source in enumerate(sources)}
    pairs = [(place[a], place[b]) for a, b in alike]
    found: dict[str, str | None] = {}
    for group in duplicates.groups([photos[source].perceptual for source in sources], pairs):
        members = {sources[index]: photos[sources[index]] for index in group}
        settled = {shot.split for shot in members.values() if shot.split}
        new = _new(members, settled, share)
        found |= {source: shot.split or new for source, shot in members.items()}
    return found


def _new(members: Mapping[str, Shot], settled: set[str], share: float) -> str | None:
    """Where the photos of a group go that were not split before."""
    if settled:
        return settled.pop() if len(settled) == 1 else None
    founder = min(shot.content for shot in members.values())
    return TEST if seed_of("split", founder) / 2**63 < share else TRAIN
