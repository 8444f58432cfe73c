"""The objectives' names and kinds, which settings are checked by before torch is loaded."""

from __future__ import annotations

from typing import Literal, get_args

Objective = Literal[
    "asap",
    "bounded",
    "one_sided",
    "anchored",
    "area",
    "relative",
    "dpo",
    "local_dpo",
    "mapo",
    "sft",
    "local_sft",
]
NAMES: tuple[Objective, ...] = get_args(Objective)
UNPAIRED = ("sft", "local_sft")
"""What learns from winners alone."""
LOGISTIC = ("dpo", "local_dpo", "mapo")
"""What drives the gap on without a margin."""
REGIONLESS = ("bounded", "dpo", "mapo", "sft")
"""What weighs errors alike everywhere, and does without masks."""


def takes(objective: str, setting: str) -> bool:
    """Whether `objective` takes `setting`, one of alpha, tau and beta; others matter to all."""
    without = {
        "alpha": REGIONLESS,
        "tau": (*UNPAIRED, *LOGISTIC),
        "beta": tuple(name for name in NAMES if name not in LOGISTIC),
    }
    return objective not in without.get(setting, ())
