"""The settings that each objective is given to choose from, as plain data, for each world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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


HANDS: Mapping[str, tuple[Settings, ...]] = {
    "sft": _grid((1e-5, 3e-5, 1e-4, 1e-3)),
    "local_sft": _grid((1e-5, 3e-5, 1e-4, 1e-3), alpha=(10.0,) * 4),
    "dpo": _temperatures(0.0, 1000.0),
    "local_dpo": _temperatures(10.0, 150.0),
    "mapo": _grid((1e-5, 3e-5, 1e-4, 3e-4), beta=(0.1,) * 4),
    "bounded": _margins(0.0, 0.012),
    "asap": _margins(10.0, 0.1),
    "one_sided": _margins(10.0, 0.1),
    "anchored": _margins(10.0, 0.1),
    "area": _margins(1.0, 0.2),
    "relative": _margins(3.0, 0.15),
}
"""Objective -> its settings to choose from, equally many for each. The scales of tau and beta follow the
spread of the reference's own gap under each weighting (`align.spread`), and none is searched off scale."""


def _wide_margins(alpha: float, tau: float) -> tuple[Settings, ...]:
    """One spread of the reference's own gap under three rates, and three spreads under the middle one."""
    return _grid((3e-4, 1e-3, 1e-3, 3e-3), alpha=(alpha,) * 4, tau=(tau, tau, 3 * tau, tau))


def _low_temperatures(alpha: float, beta: float) -> tuple[Settings, ...]:
    """Two temperatures under two rates each."""
    return _grid((3e-4, 3e-4, 1e-3, 1e-3), alpha=(alpha,) * 4, beta=(beta, beta / 4, beta, beta / 4))


PEOPLE: Mapping[str, tuple[Settings, ...]] = {
    "sft": _grid((1e-5, 1e-4, 3e-4, 1e-3)),
    "dpo": _low_temperatures(0.0, 1000.0),
    "local_dpo": _low_temperatures(10.0, 120.0),
    "bounded": _wide_margins(0.0, 0.0125),
    "asap": _wide_margins(10.0, 0.1),
    "area": _wide_margins(1.0, 0.2),
}
"""The same for people: on hands most objectives chose an edge of their grid, so that these reach beyond."""
