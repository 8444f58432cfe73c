"""How far people agree on the same items: Krippendorff's alpha, Fleiss' kappa, Cohen's kappa of each two.

All are 1 where all agree, 0 where they agree as often as chance would have it, and below 0 where they agree
less often than that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

Said = Mapping[str, Mapping[str, str]]
"""The word of each person on each item: item -> person -> word."""


class Two(NamedTuple):
    """How far two people agree.

    Attributes:
        first, second: who.
        items: how many both decided on.
        same: on how many of them they said the same.
        kappa: Cohen's kappa, or None where one word is all that both ever said.
    """

    first: str
    second: str
    items: int
    same: int
    kappa: float | None


def by_item(answers: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    """`Said` of (item, person, word)."""
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for item, person, word in answers:
        said[item][person] = word
    return dict(said)


def alpha(said: Said) -> float | None:
    """Krippendorff's alpha for words without an order, any number of people and items not seen by all.

    1 - (n - 1) * sum of o_ck / sum of n_c * n_k, both over words c != k, where the coincidences o count the
    ordered pairs of words within an item, each weighted by 1 / (m - 1) for the m people who decided on it
    (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C).

    Returns:
        None where no item was decided on by two people, or all said one word.
    """
    total: Counter[str] = Counter()
    apart = 0.0
    for words in (Counter(votes.values()) for votes in said.values() if len(votes) > 1):
        count = sum(words.values())
        total.update(words)
        apart += (count * count - _squares(words)) / (count - 1)
    n = sum(total.values())
    expected = n * n - _squares(total)
    return 1 - (n - 1) * apart / expected if expected else None


def fleiss(said: Said) -> float | None:
    """Fleiss' kappa, (p - e) / (1 - e): p the mean over items of the share of pairs of people who say the
    same, e the sum of squares of the words' shares (Fleiss, Psychol. Bull. 76, 1971), over the items that two
    people or more decided on, each with as many as it has; they need not be the same people.

    Returns:
        None where there is no such item, or all said one word.
    """
    shared = [Counter(votes.values()) for votes in said.values() if len(votes) > 1]
    total: Counter[str] = sum(shared, Counter())
    n = total.total()
    if not shared or n * n == _squares(total):
        return None
    same = [(_squares(words) - words.total()) / (words.total() * (words.total() - 1)) for words in shared]
    chance = _squares(total) / (n * n)
    return (sum(same) / len(same) - chance) / (1 - chance)


def _squares(words: Counter[str]) -> int:
    return sum(count * count for count in words.values())


def twos(said: Said) -> list[Two]:
    """Each two people who decided on the same items, in alphabetical order."""
    both: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for votes in said.values():
        for first, second in combinations(sorted(votes), 2):
            both[first, second].append((votes[first], votes[second]))
    return [_two(first, second, words) for (first, second), words in sorted(both.items())]


def _two(first: str, second: str, words: Sequence[tuple[str, str]]) -> Two:
    """(p - e) / (1 - e): p the share said alike, e that of chance (Cohen, Educ. Psychol. Meas. 20, 1960)."""
    count = len(words)
    same = sum(a == b for a, b in words)
    left, right = (Counter(pair[side] for pair in words) for side in (0, 1))
    chance = sum(left[word] * right[word] for word in left)  # times count ** 2
    apart = count * count - chance
    kappa = (count * same - chance) / apart if apart else None
    return Two(first, second, count, same, kappa)


def disputed(said: Said) -> list[str]:
    """The items on which people said different words."""
    return [item for item, votes in said.items() if len(set(votes.values())) > 1]
