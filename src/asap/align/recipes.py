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


# alpha, tau and beta for FLUX are the published ones (Li et al. 2026). The learning rates are the usual ones
# for LoRA with AdamW, whose steps do not depend on the scale of the loss. SDXL's settings are FLUX's: the
# paper gives none of its own.
RECIPES = {
    "flux": Recipe(1e-4, alpha=10.0, tau=0.01, beta=5000.0, rank=16, batch_size=1, mask_dilation=1),
    "sdxl": Recipe(1e-4, alpha=10.0, tau=0.01, beta=5000.0, rank=16, batch_size=1, mask_dilation=1),
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
    """What the recipes say of `setting`, for people: "flux, sdxl: 0.0001; mini: 0.001"."""
    families: dict[float, list[str]] = {}
    for family, recipe in RECIPES.items():
        families.setdefault(getattr(recipe, setting), []).append(family)
    return "; ".join(f"{', '.join(names)}: {value:g}" for value, names in families.items())
