"""What the laboratory tries: objectives, their settings, data and seeds, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from asap.store import content_id

STOPS = (10, 30, 100, 300)
"""Training steps at which a run draws and is judged."""
CHOICE_STOPS = (30, 100)
"""Those at which settings are chosen."""
CHOICE_SEEDS = 1
FEW_SEEDS = 3
DOSE_SEEDS = 2
MARGIN_SEEDS = 2
DOSES = (0.0, 0.5)
"""Doses of the photographic look beside the full one."""
SIZES = (64, 128, 500)
"""Numbers of pairs beside the full one."""


@dataclass(frozen=True)
class Settings:
    """Of one training run; what an objective does not take is zero (see `asap.align.train.Config`)."""

    learning_rate: float
    alpha: float = 0.0
    tau: float = 0.0
    beta: float = 0.0

    @property
    def told(self) -> str:
        """In words, without what is zero."""
        named = {"alpha": self.alpha, "tau": self.tau, "beta": self.beta}
        return ", ".join([f"lr {self.learning_rate:g}", *(f"{k} {v:g}" for k, v in named.items() if v)])


@dataclass(frozen=True)
class Data:
    """The pairs of a run: the first `pairs` of seed 0, in a dose of the photographic look."""

    pairs: int
    look: float = 1.0

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"pairs-{self.pairs}-look-{self.look:g}"


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


def _grid(rates: Sequence[float], **settings: Sequence[float]) -> tuple[Settings, ...]:
    """Settings number by number, one for each of `rates`."""
    columns = [dict(zip(settings, values, strict=True)) for values in zip(*settings.values(), strict=True)]
    columns = columns or [{} for _ in rates]
    return tuple(Settings(rate, **column) for rate, column in zip(rates, columns, strict=True))


def _margins(alpha: float, tau: float) -> tuple[Settings, ...]:
    """A margin near the spread of the reference's own gap under three rates, and twice that margin."""
    rates, four = (1e-4, 3e-4, 3e-4, 1e-3), (alpha,) * 4
    return _grid(rates, alpha=four, tau=(tau, tau, 2 * tau, tau))


def _temperatures(alpha: float, beta: float) -> tuple[Settings, ...]:
    """A temperature that takes long to saturate under two rates, and one that soon does under two."""
    return _grid((1e-4, 3e-4, 3e-4, 1e-3), alpha=(alpha,) * 4, beta=(beta, beta, 4 * beta, 4 * beta))


SEARCH: Mapping[str, tuple[Settings, ...]] = {
    "sft": _grid((1e-5, 3e-5, 1e-4, 1e-3)),
    "local_sft": _grid((1e-5, 3e-5, 1e-4, 1e-3), alpha=(10.0,) * 4),
    "dpo": _temperatures(0.0, 1000.0),
    "local_dpo": _temperatures(10.0, 150.0),
    "bounded": _margins(0.0, 0.012),
    "asap": _margins(10.0, 0.1),
    "one_sided": _margins(10.0, 0.1),
    "anchored": _margins(10.0, 0.1),
    "area": _margins(1.0, 0.2),
    "relative": _margins(3.0, 0.15),
}
"""Objective -> its settings to choose from, equally many for each. The scales of tau and beta follow the
spread of the reference's own gap under each weighting (`align.spread`), and none is searched off scale."""


@dataclass(frozen=True)
class Budget:
    """How much the laboratory does; the defaults of `asap lab`."""

    objectives: tuple[str, ...] = tuple(SEARCH)
    seeds: int = 5
    steps: int = 300
    pairs: int = 2000

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
        for settings in SEARCH[objective]
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
        for seed in range(min(budget.seeds, DOSE_SEEDS))
        for look in DOSES
        for objective in _first(budget)
        for settings in dict.fromkeys([chosen.settings[objective], own_look.settings[objective]])
    ]


def sizes(budget: Budget, chosen: Chosen) -> list[Trial]:
    """Fewer pairs."""
    return [
        Trial("pairs", objective, chosen.settings[objective], seed, Data(pairs), budget.stops((100,)))
        for seed in range(min(budget.seeds, FEW_SEEDS))
        for pairs in SIZES
        if pairs < budget.pairs
        for objective in _main(budget)
    ]


def margins(budget: Budget, spreads: Mapping[float, float]) -> list[Trial]:
    """Margins in units of the spread of the reference's own gap, at several weights of the region."""
    return [
        Trial(
            "margin", "asap", Settings(3e-4, alpha, float(f"{factor * spread:.3g}")), seed, budget.data, stops
        )
        for stops in [budget.stops((100,))]
        for seed in range(min(budget.seeds, MARGIN_SEEDS))
        for alpha, spread in spreads.items()
        for factor in (0.3, 1.0, 3.0)
    ]


def _first(budget: Budget) -> Iterator[str]:
    """The objectives of the published comparison."""
    return (name for name in ("sft", "dpo", "asap") if name in budget.objectives)


def _main(budget: Budget) -> Iterator[str]:
    """The objectives of the smaller studies."""
    return (name for name in ("sft", "dpo", "asap", "area") if name in budget.objectives)
