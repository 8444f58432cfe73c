"""How sure one can be of an error rate and of a difference between models: pure, seeded functions of plain
numbers. docs/statistics.md says what is used where, and why."""

from asap.bench.statistics.multiple import holm
from asap.bench.statistics.paired import (
    Paired,
    Preference,
    compare,
    difference_interval,
    preference,
    prompt_test,
    rsi,
    sign_test,
)
from asap.bench.statistics.rates import Z95, Interval, clustered_variance, effective_count, wilson
from asap.bench.statistics.resampling import FEWEST
from asap.bench.statistics.strengths import Outcomes, Strengths, from_verdicts, strengths

__all__ = [
    "FEWEST",
    "Z95",
    "Interval",
    "Outcomes",
    "Paired",
    "Preference",
    "Strengths",
    "clustered_variance",
    "compare",
    "difference_interval",
    "effective_count",
    "from_verdicts",
    "holm",
    "preference",
    "prompt_test",
    "rsi",
    "sign_test",
    "strengths",
    "wilson",
]
