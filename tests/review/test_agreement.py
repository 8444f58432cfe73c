"""Agreement between reviewers, against published numbers and counts by hand."""

from __future__ import annotations

import pytest

from asap.review.agreement import alpha, by_item, disputed, twos

# Krippendorff 2011, section C: four observers, twelve units, nominal data; alpha = 0.743
OBSERVERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]


def test_alpha_is_the_published_one() -> None:
    answers = (
        (str(unit), str(observer), word)
        for observer, line in enumerate(OBSERVERS)
        for unit, word in enumerate(line.split())
        if word != "."
    )
    assert alpha(by_item(answers)) == pytest.approx(0.743, abs=5e-4)


def test_alpha_is_open_where_nothing_can_be_compared() -> None:
    assert alpha({}) is None
    assert alpha({"a": {"ana": "keep"}, "b": {"ben": "keep"}}) is None
    assert alpha({"a": {"ana": "keep", "ben": "keep"}}) is None
    assert alpha({"a": {"ana": "keep", "ben": "keep"}, "b": {"ana": "x", "ben": "x"}}) == 1


def test_kappa_is_the_one_of_the_table() -> None:
    """Fifty items, of which both keep 20 and both reject 15: agreement 0.7, by chance 0.5, kappa 0.4."""
    counts = {("keep", "keep"): 20, ("keep", "reject"): 5, ("reject", "keep"): 10, ("reject", "reject"): 15}
    pairs = [words for words, count in counts.items() for _ in range(count)]
    said = {str(n): {"ana": a, "ben": b} for n, (a, b) in enumerate(pairs)} | {"alone": {"ana": "keep"}}
    (two,) = twos(said)
    assert two[:4] == ("ana", "ben", 50, 35) and two.kappa == pytest.approx(0.4)
    assert len(disputed(said)) == 15
    assert twos({"a": {"ana": "keep", "ben": "keep"}})[0].kappa is None
