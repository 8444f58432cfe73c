"""What the laboratory tries: objectives, their settings, data and seeds, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from asap.lab.search import HANDS, Settings
from asap.store import content_id

STOPS = (10, 30, 100, 300)
"""Training steps at which a run draws and is judged."""
CHOICE_STOPS = (30, 100)
"""Those at which settings are chosen."""
CHOICE_SEEDS = 1
FEW_SEEDS = 3
DOSES = (0.0, 0.5)
"""Doses of the photographic look beside the full one."""
SIZES = (64, 128, 500)
"""Numbers of pairs beside the full one."""


@dataclass(frozen=True)
class Data:
    """The pairs of a run: the first `pairs` of seed 0, in a dose of the photographic look, with errors of
    one `part` alone where it is named."""

    pairs: int
    look: float = 1.0
    part: str = ""

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"pairs-{self.pairs}-look-{self.look:g}" + (f"-{self.part}" if self.part else "")


@dataclass(frozen=True)
class Trial:
    """One training run, drawn and judged at each of `stops` on the prompts of one set."""

    study: str
    objective: str
    settings: Settings
    seed: int
    data: Data
    stops: tuple[int, ...]
    prompts: str = "fresh"

    @property
    def id(self) -> str:
        """Of what is trained and drawn; two studies that ask for the same share it."""
        return content_id("trial", self.objective, self.settings, self.seed, self.data, self.prompts)


@dataclass(frozen=True)
class Budget:
    """How much the laboratory does; the defaults of `asap lab`."""

    objectives: tuple[str, ...] = tuple(HANDS)
    seeds: int = 5
    steps: int = 300
    pairs: int = 2000
    search: Mapping[str, tuple[Settings, ...]] = field(default_factory=lambda: HANDS)

    @property
    def data(self) -> Data:
        return Data(self.pairs)

    def stops(self, of: Sequence[int] = STOPS) -> tuple[int, ...]:
        """Those of `of` that the budget reaches; the last of it if none."""
        return tuple(stop for stop in of if stop <= self.steps) or (self.steps,)


@dataclass(frozen=True)
class Chosen:
    """What the choice found for each objective: its settings, and the stop at which they were best."""

    settings: Mapping[str, Settings] = field(default_factory=dict)
    stops: Mapping[str, int] = field(default_factory=dict)


def choice(budget: Budget, look: float = 1.0) -> list[Trial]:
    """Every setting of every objective, on the prompts for choosing."""
    seeds = min(budget.seeds, CHOICE_SEEDS)
    study = "choice" if look == 1 else "choice in the own look"
    objectives = budget.objectives if look == 1 else _first(budget)
    return [
        Trial(study, objective, settings, seed, Data(budget.pairs, look), stops, "validation")
        for stops in [budget.stops(CHOICE_STOPS)]
        for objective in objectives
        for settings in budget.search[objective]
        for seed in range(seeds if look == 1 else 1)
    ]


def main(budget: Budget, chosen: Chosen) -> list[Trial]:
    """The chosen settings under all seeds, some of them to the last stop, which costs most; seed by seed, so
    that a part shows all."""
    return [
        Trial("main", objective, chosen.settings[objective], seed, budget.data, stops)
        for seed in range(budget.seeds)
        for stops in [budget.stops(STOPS if seed < FEW_SEEDS else STOPS[:-1])]
        for objective in budget.objectives
    ]


def doses(budget: Budget, chosen: Chosen, own_look: Chosen) -> list[Trial]:
    """The look's dose, under the settings chosen in the full look and those chosen without it."""
    return [
        Trial("dose", objective, settings, seed, Data(budget.pairs, look), budget.stops((100,)))
        for seed in range(budget.seeds)
        for look in DOSES
        for objective in _first(budget)
        for settings in dict.fromkeys([chosen.settings[objective], own_look.settings[objective]])
    ]


def sizes(budget: Budget, chosen: Chosen) -> list[Trial]:
    """Fewer pairs."""
    return [
        Trial("pairs", objective, chosen.settings[objective], seed, Data(pairs), budget.stops((100,)))
        for seed in range(budget.seeds)
        for pairs in SIZES
        if pairs < budget.pairs
        for objective in _main(budget)
    ]


def parts(budget: Budget, chosen: Chosen, names: Sequence[str]) -> list[Trial]:
    """Pairs whose errors are all of one part: what is learned there of the others."""
    return [
        Trial("parts", objective, chosen.settings[objective], seed, replace(budget.data, part=part), stops)
        for stops in [budget.stops((100,))]
        for seed in range(budget.seeds)
        for part in names
        for objective in _first(budget)
        if objective != "sft"
    ]


def margins(budget: Budget, spreads: Mapping[float, float]) -> list[Trial]:
    """Margins in units of the spread of the reference's own gap, at several weights of the region."""
    return [
        Trial(
            "margin", "asap", Settings(3e-4, alpha, float(f"{factor * spread:.3g}")), seed, budget.data, stops
        )
        for stops in [budget.stops((100,))]
        for seed in range(budget.seeds)
        for alpha, spread in spreads.items()
        for factor in (0.3, 1.0, 3.0)
    ]


def _first(budget: Budget) -> Iterator[str]:
    """The objectives of the published comparison."""
    return (name for name in ("sft", "dpo", "asap") if name in budget.objectives)


def _main(budget: Budget) -> Iterator[str]:
    """The objectives of the smaller studies."""
    return (name for name in ("sft", "dpo", "asap", "area") if name in budget.objectives)
