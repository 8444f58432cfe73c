"""Votes between two of a report's models, as their folders hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asap.bench import vote as vote_files
from asap.bench.results import Method
from asap.bench.statistics import Preference, preference
from asap.errors import UserError
from asap.records import Vote
from asap.store import Row, read_config

WON = {"first": -1, "tie": 0, "second": 1}
"""A vote as an outcome of the second model."""


@dataclass(frozen=True)
class Voted:
    """All votes of a folder on images of `first` and `second`, two of the report's models in its order, so
    that a base comes first; `turned` where the folder has them the other way round."""

    first: str
    second: str
    votes: Sequence[Vote]
    made: Row
    turned: bool = False
    folder: Path | None = None

    @property
    def pair(self) -> str:
        """The models as the tables call them, the second first: the numbers are its own."""
        return f"{self.second} – {self.first}"

    @property
    def outcomes(self) -> list[int]:
        """1 where the second model won, 0 for a tie, -1 where the first did; the usable votes alone."""
        side = -1 if self.turned else 1
        return [side * WON[vote.choice] for vote in self.usable]

    @property
    def usable(self) -> list[Vote]:
        return [vote for vote in self.votes if vote.choice != "unscored"]

    @property
    def preference(self) -> Preference:
        return preference(self.outcomes, [vote.prompt_id for vote in self.usable])

    @property
    def flips(self) -> tuple[int, int]:
        """Of the votes cast in both orders of the images: how many changed with the order, and all."""
        both = [orders for vote in self.votes if len(orders := _orders(vote)) == 2]
        return sum(one != two for one, two in both), len(both)


def _orders(vote: Vote) -> list[str]:
    """The choice in each order of display, in the models' own names "first" and "second", where it is "
    "told."""
    told = vote.evidence.get("orders")
    return [str(choice) for choice in told] if isinstance(told, list | tuple) else []


def read(specs: Sequence[str], methods: Sequence[Method]) -> list[Voted]:
    """The votes that `specs` name.

    Args:
        specs: folders of `asap vote` or `asap study`, whose images tell the two models; or
            FIRST,SECOND=FOLDER, with the names of `methods` in the order in which the votes have them.

    Raises:
        UserError: no such folder, no votes in it, or models that are not in the report.
    """
    return [_read(spec, methods) for spec in specs]


def _read(spec: str, methods: Sequence[Method]) -> Voted:
    names, equals, rest = spec.partition("=")
    named = bool(equals) and not Path(spec).exists()
    folder = Path(rest if named else spec)
    made = read_config(folder)
    votes = vote_files.read(folder)
    if not votes:
        raise UserError(f"--votes {folder}: no votes in it yet")
    first, second = _models(names.split(",") if named else _found(made, methods), methods, folder)
    order = [method.name for method in methods]
    turned = order.index(first) > order.index(second)
    return Voted(*((second, first) if turned else (first, second)), votes, made, turned, folder)


def _found(made: Row, methods: Sequence[Method]) -> list[str]:
    """The models whose images the votes are on."""
    identity = made.get("identity", {})
    images = identity.get("images") or [identity.get("first"), identity.get("second")]
    known = {str(m.judged.get("identity", {}).get("images")): m.name for m in methods}
    listed = images if isinstance(images, list) else []
    return [known[str(name)] for name in listed if str(name) in known] if len(listed) == 2 else []


def _models(names: Sequence[str], methods: Sequence[Method], folder: Path) -> tuple[str, str]:
    found, known = [name.strip() for name in names], [method.name for method in methods]
    if len(found) != 2 or len({*found} & {*known}) != 2:
        raise UserError(
            f"--votes {folder}: which two of the report's models ({', '.join(known)}) are voted on? "
            "Write FIRST,SECOND=FOLDER, in the order in which the votes have them"
        )
    return found[0], found[1]
