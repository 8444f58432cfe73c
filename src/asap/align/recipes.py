"""Settings by recipe, used where the command line leaves them open, and how each number was come by.

Every model family has a recipe of its name; `mini-people` is another for the family `mini`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Name = Literal[
    "flux", "flux2", "qwen_image", "sd", "sd3", "sdxl", "z_image", "mini", "mini-people"
]  # fmt: skip
How = Literal["published", "carried over", "searched", "usual", "derived", "chosen"]
"""published by the method's authors for this family; carried over from another; searched in the laboratory;
usual among other trainers; derived from what it stands for; chosen without evidence."""


class Origin(NamedTuple):
    """How a number was come by, and where to read of it."""

    how: How
    why: str

    def __str__(self) -> str:
        return f"{self.how}: {self.why}"


@dataclass(frozen=True)
class Recipe:
    """`alpha`, `tau`, `beta`: the objectives' settings (`align.objectives`); the rest is LoRA and optimiser.

    `mask_dilation` is in latent positions: a VAE's receptive field carries an edit across the mask's edge.
    """

    learning_rate: float
    alpha: float
    tau: float
    beta: float
    rank: int
    batch_size: int
    mask_dilation: int


LARGE = Recipe(1e-4, alpha=10.0, tau=0.01, beta=5000.0, rank=16, batch_size=1, mask_dilation=1)
SMALL = Recipe(1e-3, alpha=10.0, tau=0.1, beta=1000.0, rank=16, batch_size=16, mask_dilation=0)
PEOPLE = Recipe(3e-4, alpha=10.0, tau=0.1, beta=1000.0, rank=16, batch_size=16, mask_dilation=0)

RECIPES: dict[str, Recipe] = {
    **dict.fromkeys(("flux", "flux2", "qwen_image", "sd", "sd3", "sdxl", "z_image"), LARGE),
    "mini": SMALL,
    "mini-people": PEOPLE,
}

# Objectives on another scale: what the laboratory chose for them. In other recipes they have not been
# searched, and take the recipe's settings.
BY_OBJECTIVE: dict[tuple[str, str], dict[str, float]] = {
    ("mini", "area"): {"alpha": 1.0, "tau": 0.2},
    ("mini", "asap"): {"learning_rate": 3e-4},
    ("mini", "bounded"): {"tau": 0.012},
    ("mini", "dpo"): {"learning_rate": 3e-4},
    ("mini", "local_dpo"): {"learning_rate": 3e-4, "beta": 150.0},
    ("mini", "local_sft"): {"learning_rate": 1e-5},
    ("mini", "relative"): {"learning_rate": 3e-4, "alpha": 3.0, "tau": 0.3},
    ("mini", "sft"): {"learning_rate": 3e-5},
    ("mini-people", "area"): {"alpha": 1.0, "tau": 0.2},
    ("mini-people", "bounded"): {"tau": 0.0125},
    ("mini-people", "local_dpo"): {"beta": 120.0},
    ("mini-people", "sft"): {"learning_rate": 1e-5},
    **{(name, "mapo"): {"beta": 0.1} for name in RECIPES},  # a weight, on another scale than DPO's
}

_PAPER = "Li et al. 2026, for FLUX"
_HANDS = "the best of four on drawn hands (docs/laboratory.md)"
_PEOPLE = "the best of four on drawn people (docs/laboratory-people.md)"
_RATE = Origin(
    "usual",
    "the default of diffusers' LoRA trainers; AdamW's steps do not depend on the scale of the loss",
)
_MAPO = Origin("usual", "the weight of Hong et al. 2024, in their own script; not searched here")
_RANK = Origin("chosen", "no rank is published, and none was searched")
_PIXELS = Origin("derived", "no VAE: a position holds its own pixels alone")
# Errors here are means over positions and channels of targets with a variance between 1 and 2 in all large
# families, so that they are of one scale, and FLUX's settings are at least a start for the others.
_SCALE = "from FLUX: errors are of one scale; not searched here, so see `asap propose`"

_FLUX = {
    "learning_rate": _RATE,
    "alpha": Origin("published", _PAPER),
    "tau": Origin("published", _PAPER),
    "beta": Origin("published", f"{_PAPER}, read in the convention of diffusers' script (beta / 2)"),
    "rank": _RANK,
    "batch_size": Origin("chosen", "what fits most GPUs; no batch is published"),
    "mask_dilation": Origin("derived", "the receptive field of a VAE that shrinks 8 times"),
}
_OTHERS = _FLUX | dict.fromkeys(("alpha", "tau", "beta"), Origin("carried over", _SCALE))
_MINI = {
    "learning_rate": Origin("searched", f"{_HANDS}, of bounded, area, one_sided and anchored"),
    "alpha": Origin("searched", "of 0, 3, 10 and 30 where most of the gain is had (docs/laboratory.md)"),
    "tau": Origin("searched", f"{_HANDS}; 1.4 standard deviations of the reference's own gap"),
    "beta": Origin("searched", f"{_HANDS}, of the objective dpo"),
    "rank": _RANK,
    "batch_size": Origin("chosen", "the batch of all experiments in the laboratory, which searched no other"),
    "mask_dilation": _PIXELS,
}
_MINI_PEOPLE = _MINI | {
    "learning_rate": Origin("searched", f"{_PEOPLE}; labelled by eye at this rate on a second base"),
    "alpha": Origin(
        "carried over", "from drawn hands; searched together with tau (docs/laboratory-people.md)"
    ),
    "tau": Origin("searched", _PEOPLE),
    "beta": Origin("searched", f"{_PEOPLE}, of the objective dpo"),
}
ORIGINS: dict[str, dict[str, Origin]] = {
    "flux": _FLUX,
    **dict.fromkeys(("flux2", "qwen_image", "sd", "sd3", "sdxl", "z_image"), _OTHERS),
    "mini": _MINI,
    "mini-people": _MINI_PEOPLE,
}
"""Recipe -> setting -> how its number was come by."""


def recipe_of(name: str, objective: str) -> dict[str, Any]:
    """The settings of the recipe `name` for `objective`, by name."""
    return asdict(RECIPES[name]) | BY_OBJECTIVE.get((name, objective), {})


def origins_of(name: str, objective: str) -> dict[str, Origin]:
    """Setting -> how its number in the recipe `name` for `objective` was come by."""
    searched = Origin("searched", _PEOPLE if name == "mini-people" else _HANDS)
    own = _MAPO if objective == "mapo" else searched
    return ORIGINS[name] | dict.fromkeys(BY_OBJECTIVE.get((name, objective), {}), own)


def by_family(setting: str) -> str:
    """What the recipes say of `setting`, for people: what most get, then the others, as in
    "0.0001; mini: 0.001"."""
    names: dict[float, list[str]] = {}
    for name, recipe in RECIPES.items():
        names.setdefault(getattr(recipe, setting), []).append(name)
    (usual, _), *others = sorted(names.items(), key=lambda group: -len(group[1]))
    return "; ".join([f"{usual:g}", *(f"{', '.join(of)}: {value:g}" for value, of in others)])
