"""Settings per family, used where the command line leaves them open."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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


# alpha, tau and beta are those published for FLUX (Li et al. 2026), and for no other family has anybody
# published or searched any: they are carried over because errors here are means over positions and channels
# of targets with a variance between 1 and 2 in all of these families, so that they are of one scale. The
# learning rate is the default of diffusers' LoRA trainers of these families; AdamW's steps do not depend on
# the scale of the loss. The dilation is for the receptive field of a VAE that shrinks 8 times, as all do.
LARGE = Recipe(1e-4, alpha=10.0, tau=0.01, beta=5000.0, rank=16, batch_size=1, mask_dilation=1)

RECIPES = {
    **dict.fromkeys(("flux", "flux2", "qwen_image", "sd", "sd3", "sdxl", "z_image"), LARGE),
    # from experiments on the embedded figures: tau near 1.2 times the spread of the reference's own gap
    "mini": Recipe(1e-3, alpha=10.0, tau=0.1, beta=1000.0, rank=16, batch_size=16, mask_dilation=0),
}


# Objectives on another scale: what docs/laboratory.md chose for them. On other families they have not been
# searched, and take the family's settings.
BY_OBJECTIVE: dict[tuple[str, str], dict[str, float]] = {
    ("mini", "area"): {"alpha": 1.0, "tau": 0.2},
    ("mini", "bounded"): {"tau": 0.012},
    ("mini", "dpo"): {"learning_rate": 3e-4},
    ("mini", "local_dpo"): {"learning_rate": 3e-4, "beta": 150.0},
    ("mini", "local_sft"): {"learning_rate": 1e-5},
    ("mini", "relative"): {"learning_rate": 3e-4, "alpha": 3.0, "tau": 0.3},
    ("mini", "sft"): {"learning_rate": 3e-5},
}


def recipe_of(family: str, objective: str) -> dict[str, Any]:
    """The settings of `family` for `objective`, by name."""
    return asdict(RECIPES[family]) | BY_OBJECTIVE.get((family, objective), {})


def by_family(setting: str) -> str:
    """What the recipes say of `setting`, for people: what most families get, then the others, as in
    "0.0001; mini: 0.001"."""
    families: dict[float, list[str]] = {}
    for family, recipe in RECIPES.items():
        families.setdefault(getattr(recipe, setting), []).append(family)
    (usual, _), *others = sorted(families.items(), key=lambda group: -len(group[1]))
    return "; ".join([f"{usual:g}", *(f"{', '.join(names)}: {value:g}" for value, names in others)])
