"""Judged models as the report reads them, and what the verdicts say about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asap.bench import judge as judgement_files
from asap.bench import samples as sample_files
from asap.bench.statistics import (
    Z95,
    Interval,
    Paired,
    Preference,
    compare,
    difference_interval,
    effective_count,
    holm,
    preference,
    prompt_test,
    wilson,
)
from asap.errors import UserError
from asap.records import Judgement, Sample
from asap.store import Row, read_config

Key = tuple[str, int]
"""Prompt id and noise seed: what pairs the images of several models."""


@dataclass(frozen=True)
class Method:
    """A judged model.

    Attributes:
        name: as the report calls it.
        judgements: by key, in the order of the images' metadata.
        samples: by key; empty where the images' folder is gone.
        images: that folder, or None.
        judged, made: config.json of the judgements and of the images (empty where there is none).
        folder: of the judgements.
    """

    name: str
    judgements: Mapping[Key, Judgement]
    samples: Mapping[Key, Sample]
    images: Path | None
    judged: Row
    made: Row
    folder: Path | None = None


def read(spec: str) -> Method:
    """The method that `spec` names: a folder of judgements, or NAME=FOLDER.

    Raises:
        UserError: no such folder, nothing judged in it, or judgements that cannot be told apart.
    """
    name, folder = split(spec)
    config = read_config(folder)
    found = judgement_files.read(folder)
    if not found:
        raise UserError(f"{folder}: no judgements yet; run `asap judge` first")
    images = folder / str(config.get("images", ""))
    if not (images / sample_files.METADATA).is_file():
        return Method(name, _by_key(found.values(), folder), {}, None, config, {}, folder)
    samples = sample_files.read(images)
    judged = {_key(s): found[s.id] for s in samples if s.id in found}
    if not judged:
        raise UserError(f"{folder} judges no image that is in {images}; run `asap judge` on these again")
    made = read_config(images) if (images / "config.json").is_file() else {}
    return Method(name, judged, {_key(s): s for s in samples}, images, config, made, folder)


def _by_key(judgements: Iterable[Judgement], folder: Path) -> dict[Key, Judgement]:
    keyed: dict[Key, Judgement] = {}
    for judgement in sorted(judgements, key=lambda j: j.sample_id):
        if (first := keyed.setdefault(_key(judgement), judgement)) is not judgement:
            raise UserError(
                f"{folder}: {first.sample_id} and {judgement.sample_id} have the same prompt_id and seed; "
                "give the images seeds of their own in metadata.jsonl, and judge them again"
            )
    return keyed


def split(spec: str) -> tuple[str, Path]:
    """Name and folder of NAME=FOLDER, or of a folder, which gives its own name."""
    name, equals, folder = spec.partition("=")
    if equals and not Path(spec).exists():
        return name.strip() or Path(folder).name, Path(folder)
    return Path(spec).resolve().name, Path(spec)


def _key(record: Judgement | Sample) -> Key:
    return record.prompt_id, record.seed


def check_comparable(methods: Sequence[Method]) -> None:
    """Raise a UserError unless names differ, one judge judged all, and all share prompts with the first."""
    names = [method.name for method in methods]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"two methods are called {twice!r}; name them: NAME=FOLDER")
    base = methods[0]
    for method in methods[1:]:
        if judge_of(method) != judge_of(base):
            raise UserError(f"{base.name} and {method.name} were judged by different judges; use one for all")
        if not base.judgements.keys() & method.judgements.keys():
            raise UserError(
                f"{base.name} and {method.name} share no prompt and seed; generate both from one prompt file "
                "with the same --seed"
            )


def judge_of(method: Method) -> tuple[object, object]:
    """Name and settings of the judge that judged `method`."""
    identity = method.judged.get("identity", {})
    return identity.get("judge"), identity.get("settings")


@dataclass(frozen=True)
class Rate:
    """The Anatomical Error Rate of some judgements, over the scored ones alone.

    Attributes:
        errors, scored: AER = errors / scored; not a number where nothing was scored.
        effective: the independent images that `scored` are worth, as several of one prompt are not.
        interval: Wilson's, of the effective number.
        unscored: reason -> number of judgements without a verdict.
    """

    errors: int
    scored: int
    effective: float
    interval: Interval
    unscored: Mapping[str, int]

    @property
    def aer(self) -> float:
        return self.errors / self.scored if self.scored else float("nan")

    @property
    def judged(self) -> int:
        return self.scored + sum(self.unscored.values())


def rate(judgements: Iterable[Judgement]) -> Rate:
    """The error rate of `judgements`, with the unscored counted apart."""
    judged = list(judgements)
    unscored = Counter(j.reason or "no reason given" for j in judged if j.verdict == "unscored")
    scored = [j for j in judged if j.verdict != "unscored"]
    return rate_of([j.verdict == "error" for j in scored], [j.prompt_id for j in scored], unscored)


def rate_of(wrong: Sequence[bool], prompts: Sequence[str], unscored: Mapping[str, int] | None = None) -> Rate:
    """The share of `wrong` images, each of the prompt in the same place of `prompts`."""
    errors, effective = sum(wrong), effective_count(wrong, prompts)
    share = errors / len(wrong) if wrong else 0.0
    interval = wilson(share * effective, effective)
    return Rate(errors, len(wrong), effective, interval, dict(unscored or {}))


@dataclass(frozen=True)
class Versus:
    """A method against its base, over the samples scored for both.

    Attributes:
        paired: wins, losses, ties.
        p: exact two-sided test of wins against losses over prompts, `prompt_test`: McNemar's exact test where
            each prompt has one image.
        difference: AER(method) - AER(base) on those samples.
        interval: of the difference, clustered by prompt; None where `difference_interval` has none.
        prompts: to which the samples belong.
        preference: RSI and the win rate of decided samples, with their intervals.
    """

    paired: Paired
    p: float
    difference: float
    interval: Interval | None
    prompts: int
    preference: Preference

    @property
    def detectable(self) -> float | None:
        """The change of the rate that such a comparison finds four times in five (two-sided, 5%): 2.8
        standard errors, taken from the interval; None where there is none."""
        return (self.interval.high - self.interval.low) * 2.8016 / (2 * Z95) if self.interval else None

    @property
    def better(self) -> bool:
        """Whether the method makes fewer errors beyond chance at the level of 5%: by the exact test, and by
        the interval where there is one."""
        return self.difference < 0 and self.p < 0.05 and (self.interval is None or self.interval.high < 0)

    @property
    def worse(self) -> bool:
        """Whether it makes more errors beyond chance, by the same measure."""
        return self.difference > 0 and self.p < 0.05 and (self.interval is None or self.interval.low > 0)


def versus(base: Method, method: Method, category: str | None = None) -> Versus | None:
    """The comparison of `method` with `base`, in one category or in all; None where nothing can be paired."""
    keys = [key for key in scored(base, method) if category in (None, base.judgements[key].category)]
    if not keys:
        return None
    before = [base.judgements[key].verdict == "error" for key in keys]
    after = [method.judgements[key].verdict == "error" for key in keys]
    paired = compare(before, after)
    prompts = [prompt for prompt, _ in keys]
    return Versus(
        paired=paired,
        p=prompt_test(before, after, prompts),
        difference=(sum(after) - sum(before)) / len(keys),
        interval=difference_interval(before, after, prompts),
        prompts=len(set(prompts)),
        preference=preference([b - a for b, a in zip(before, after, strict=True)], prompts),
    )


def shared(methods: Sequence[Method]) -> list[Key]:
    """The keys that every method has a judgement for, in the base's order."""
    base, *others = methods
    return [key for key in base.judgements if all(key in method.judgements for method in others)]


def scored(base: Method, method: Method) -> list[Key]:
    """The keys that are scored for both, in the base's order."""
    return [
        key
        for key, judgement in base.judgements.items()
        if key in method.judgements and "unscored" not in (judgement.verdict, method.judgements[key].verdict)
    ]


def categories(methods: Sequence[Method]) -> list[str]:
    """Every category, in the order of the base's images."""
    return list(dict.fromkeys(j.category for method in methods for j in method.judgements.values()))


def by_category(base: Method, method: Method, names: Sequence[str]) -> dict[str, Versus]:
    """Category -> comparison with the base, of the categories that can be compared; p-values are
    Holm-adjusted across them."""
    found = {name: outcome for name in names if (outcome := versus(base, method, name))}
    adjusted = holm([outcome.p for outcome in found.values()])
    return {name: replace(found[name], p=p) for name, p in zip(found, adjusted, strict=True)}
