"""The names nearest to a mistyped one."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

FEWEST = 3  # letters; of fewer, names in nearly the same letters are chance
CLOSE = 0.8  # of difflib's ratio: a letter or two are wrong
MOST = 2  # names that a hint tells


def did_you_mean(word: str, known: Collection[str], *, among: bool = False) -> str:
    """A hint after a semicolon: the names nearest to `word`, or with `among` all there are, or nothing."""
    if near := nearest(word, known):
        return f"; did you mean {' or '.join(near)}?"
    return f"; there is {', '.join(known)}" if among else ""


def nearest(word: str, known: Collection[str]) -> list[str]:
    """At most `MOST` of `known`.

    Those whose words' first letters are `word` (--lr: --learning-rate); else those in almost the same
    letters; else those that end in the same words, as other trainers' names do (--lora-rank: --rank); else
    those in similar letters.
    """
    letters = "".join(_words(word))
    alike = [name for name in known if _end_alike(_words(word), _words(name))]
    near = [name for name in known if "".join(part[0] for part in _words(name)) == letters]
    if not near and len(letters) >= FEWEST:
        near = get_close_matches(word, known, MOST, CLOSE) or alike or get_close_matches(word, known, MOST)
    return near[:MOST]


def _words(name: str) -> list[str]:
    return re.findall("[a-z0-9]+", name.lower())


def _end_alike(one: list[str], other: list[str]) -> bool:
    count = min(len(one), len(other))
    return count > 0 and one[-count:] == other[-count:]
