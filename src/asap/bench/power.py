"""`asap power`: before a comparison, what a number of prompts and images can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import tyro

from asap import command
from asap.bench import results
from asap.bench.results import Method
from asap.bench.statistics import compare, effective_count
from asap.bench.statistics import power as powers
from asap.bench.wording import percent
from asap.errors import UserError

SIZES = (50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True)
class Config:
    """Say beforehand how large a change of the error rate a comparison finds, and how many images a claim
    needs."""

    judged: tyro.conf.Positional[tuple[str, ...]] = ()
    """Folders of judgements to take the rates and correlations from: the base's, and one of a method."""
    base: float | None = None
    """The base model's error rate, between 0 and 1; 0.4 without judgements."""
    target: float | None = None
    """The rate that the method should reach."""
    prompts: int = 500
    """Prompts drawn."""
    seeds: int = 1
    """Images per prompt."""
    alike_models: float | None = None
    """Correlation of the two models' verdicts on one prompt and noise, -1 to 1; 0.2 without judgements."""
    alike_seeds: float | None = None
    """Correlation of the verdicts on two images of one prompt, 0 to 1; 0.3 without judgements."""
    sensitivity: float = 1.0
    """The share of faulty images that the judge catches."""
    specificity: float = 1.0
    """The share of sound images that the judge passes."""
    power: float = powers.POWER
    """The chance of finding the change."""


@dataclass(frozen=True)
class Design:
    """What is known of a comparison: `base` and `target` as the judge will report them."""

    base: float
    target: float | None
    alike_models: float
    alike_seeds: float
    config: Config

    def effective(self, prompts: int) -> float:
        return powers.independent(prompts, self.config.seeds, self.alike_seeds)

    def pair(self, method: float) -> tuple[float, float]:
        return powers.discordant(self.base, method, self.alike_models)

    def true(self, difference: float | None) -> float | None:
        """The true change behind one that the judge reports."""
        power = self.config.sensitivity + self.config.specificity - 1
        return None if difference is None else difference / power


def plan(config: Config) -> Design:
    """Rates and correlations: given, or measured on the judgements, or the defaults.

    Raises:
        UserError: numbers out of range, or judgements that say nothing.
    """
    _check(config)
    methods = [results.read(spec) for spec in config.judged]
    results.check_comparable(methods) if methods else None
    rate, models, seeds = _measured(methods)
    base = powers.seen(config.base, config.sensitivity, config.specificity) if config.base else rate
    if base is None:
        base = powers.seen(0.4, config.sensitivity, config.specificity)
    target = config.target
    if target is not None:
        target = powers.seen(target, config.sensitivity, config.specificity)
    return Design(
        base,
        target,
        _first(config.alike_models, models, 0.2),
        _first(config.alike_seeds, seeds, 0.3),
        config,
    )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _check(config: Config) -> None:
    for name in ("base", "target"):
        value = getattr(config, name)
        if value is not None and not 0 < value < 1:
            raise UserError(f"--{name} is {value}; give a rate between 0 and 1, such as 0.4")
    for name, low in (("alike_models", -1), ("alike_seeds", 0)):
        value = getattr(config, name)
        if value is not None and not low <= value <= 1:
            raise UserError(f"--{name.replace('_', '-')} is {value}; give a correlation from {low} to 1")
    for name in ("prompts", "seeds"):
        if getattr(config, name) < 1:
            raise UserError(f"--{name} is {getattr(config, name)}; give 1 or more")
    _check_chances(config)


def _check_chances(config: Config) -> None:
    if not 0 < config.power < 1:
        raise UserError(f"--power is {config.power}; give a chance between 0 and 1, such as 0.8")
    if not all(0 <= share <= 1 for share in (config.sensitivity, config.specificity)):
        raise UserError("--sensitivity and --specificity are shares; give numbers from 0 to 1")
    if config.sensitivity + config.specificity <= 1:
        raise UserError("--sensitivity and --specificity: such a judge is no better than chance")
    if len(config.judged) > 2:
        raise UserError("give at most two folders of judgements: the base's, and one of a method")


def _measured(methods: Sequence[Method]) -> tuple[float | None, float | None, float | None]:
    """Of the judgements: the base's rate, the correlation of the models, and of the images of a prompt."""
    if not methods:
        return None, None, None
    scored = [j for j in methods[0].judgements.values() if j.verdict != "unscored"]
    wrong, prompts = [j.verdict == "error" for j in scored], [j.prompt_id for j in scored]
    if not 0 < sum(wrong) < len(wrong):
        raise UserError(f"{methods[0].name}: its verdicts are all alike and tell nothing of chance")
    each = len(wrong) / len(set(prompts))
    seeds = (len(wrong) / effective_count(wrong, prompts) - 1) / (each - 1) if each > 1 else None
    return sum(wrong) / len(wrong), _correlation(methods), seeds if seeds is None else min(1.0, seeds)


def _correlation(methods: Sequence[Method]) -> float | None:
    """Pearson's of the verdicts of the two models; None for one, or where one is always or never wrong."""
    if len(methods) < 2:
        return None
    base, method = methods
    keys = results.scored(base, method)
    found = compare(*([m.judgements[key].verdict == "error" for key in keys] for m in methods))
    one, two = found.wins + found.both_wrong, found.losses + found.both_wrong
    spread = math.sqrt(one * (found.total - one) * two * (found.total - two))
    return (found.both_wrong * found.total - one * two) / spread if spread else None


def run(config: Config) -> str:
    """The answer as text.

    Raises:
        UserError: as `plan`.
    """
    design = plan(config)
    lines = [*_head(design), *_changes(design), *(_claim(design) if design.target is not None else [])]
    return "\n".join(lines)


def _head(design: Design) -> list[str]:
    config = design.config
    return [
        f"The judge finds an error in {percent(design.base)} of the base's images; verdicts on two models' "
        f"images of the same prompt and noise correlate by {design.alike_models:.2f}, on two images of one "
        f"prompt by {design.alike_seeds:.2f}. Two-sided tests at 5%, power {config.power:.0%}.",
        "",
        f"Smallest true fall of the error rate that is found, in points ({config.seeds} per prompt):",
        "",
        f"{'prompts':>8} {'images':>8} {'same noise':>12} {'other noise':>12}",
    ]


def _changes(design: Design) -> list[str]:
    rows = sorted({*SIZES, design.config.prompts})
    return [
        f"{prompts:8d} {prompts * design.config.seeds:8d} {_points(_paired(design, prompts)):>12} "
        f"{_points(_unpaired(design, prompts)):>12}"
        for prompts in rows
    ]


def _points(difference: float | None) -> str:
    return "none" if difference is None else f"{difference * 100:.1f}"


def _paired(design: Design, prompts: int) -> float | None:
    count = design.effective(prompts)
    found = powers.detectable(
        design.base, lambda rate: powers.chance_paired(count, *design.pair(rate)), design.config.power
    )
    return design.true(found)


def _unpaired(design: Design, prompts: int) -> float | None:
    chance = partial(powers.unpaired_power, design.effective(prompts), design.base)
    return design.true(powers.detectable(design.base, chance, design.config.power))


def _claim(design: Design) -> list[str]:
    target, config = design.target, design.config
    assert target is not None
    if target == design.base:
        raise UserError("--target equals the base's rate; give another")
    pair, count = design.pair(target), design.effective(config.prompts)
    needed = (
        powers.paired_images(*pair, config.power),
        powers.unpaired_images(design.base, target, config.power),
    )
    prompts = [math.ceil(number / design.effective(1)) for number in needed]
    chances = powers.chance_paired(count, *pair), powers.unpaired_power(count, design.base, target)
    return [
        "",
        f"A method that the judge finds wrong in {percent(target)}: {config.prompts} prompts show it with "
        f"chance {chances[0]:.0%} on the same noise, {chances[1]:.0%} on other noise; needed are "
        f"{prompts[0]} and {prompts[1]} prompts ({config.seeds} per prompt, of each model).",
    ]


def main(argv: list[str]) -> None:
    """The command `asap power`."""
    print(run(command.parse(Config, argv, "power")))
