"""A second judge of the same images: its rates beside the first one's, and how far the two agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from asap.bench import results
from asap.bench.corrected import Agreement, agreement
from asap.bench.page import Section, Table
from asap.bench.report import known_errors
from asap.bench.results import Method, Versus, judge_of
from asap.bench.wording import NOTHING, percent, points, range_of, without
from asap.errors import UserError
from asap.store import Row
from asap.wording import counted


@dataclass(frozen=True)
class Judged:
    """One model, judged by two judges; `versus` are the comparisons with the base by each."""

    first: Method
    second: Method
    versus: tuple[Versus | None, Versus | None] = (None, None)

    def with_methods(self, first: Method, second: Method) -> Judged:
        """The same with other knowledge of the two judges."""
        return replace(self, first=first, second=second)

    @property
    def agreement(self) -> Agreement:
        """Of the images that both scored, how many each calls wrong."""
        one, two = self.first.judgements, self.second.judgements
        keys = [k for k in one if k in two and "unscored" not in (one[k].verdict, two[k].verdict)]
        return agreement([one[k].verdict == "error" for k in keys], [two[k].verdict == "error" for k in keys])


def read(specs: Sequence[str], methods: Sequence[Method]) -> list[Judged]:
    """The models of `methods` that a second judge judged, too, in the report's order.

    Args:
        specs: folders of judgements, or NAME=FOLDER, with the names of `methods`.

    Raises:
        UserError: a name that is no model's or stands twice, judgements of other images or by the first
            judge, or several second judges.
    """
    others = [results.read(spec) for spec in specs]
    names = [method.name for method in methods]
    for number, other in enumerate(others):
        if other.name not in names:
            raise UserError(
                f"--second {other.name}: no such model here ({', '.join(names)}); write NAME=FOLDER"
            )
        if other.name in (before.name for before in others[:number]):
            raise UserError(f"--second: {other.name} stands twice; give one folder for each model")
        _check(methods[names.index(other.name)], other, others[0])
    named = {other.name: other for other in others}
    pairs = [(method, named[method.name]) for method in methods if method.name in named]
    return [Judged(*pair, _versus(methods[0], named.get(names[0]), *pair)) for pair in pairs]


def _check(first: Method, second: Method, leader: Method) -> None:
    where = f"--second {second.name}"
    if judge_of(second) == judge_of(first):
        raise UserError(f"{where}: judged by the report's own judge; give judgements of another one")
    if judge_of(second) != judge_of(leader):
        raise UserError(f"{where}: judged by another judge than {leader.name}; use one second judge for all")
    images = [method.judged.get("identity", {}).get("images") for method in (first, second)]
    if images[0] != images[1] or not first.judgements.keys() & second.judgements.keys():
        raise UserError(f"{where}: judges other images than the report; judge the same ones")


def _versus(
    base: Method, second_base: Method | None, first: Method, second: Method
) -> tuple[Versus | None, Versus | None]:
    if first is base:
        return None, None
    by_second = results.versus(second_base, second) if second_base else None
    return results.versus(base, first), by_second


def sections(judged: Sequence[Judged]) -> list[Section]:
    """Rates by both judges, and their agreement; nothing where there is no second judge."""
    return [_rates(judged), _agreement(judged)] if judged else []


def _judges(judged: Sequence[Judged]) -> tuple[str, str]:
    """How the two are called: by name, and by settings where the name is the same."""
    (one, settings), (two, others) = judge_of(judged[0].first), judge_of(judged[0].second)
    if one != two:
        return str(one), str(two)
    return f"{one}, first", f"{two}, second ({_settings(others)}; first: {_settings(settings)})"


def _settings(settings: object) -> str:
    named = settings.items() if isinstance(settings, dict) else ()
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in named) or "no settings"


def _rates(judged: Sequence[Judged]) -> Section:
    header = (
        "model",
        "judge",
        "images",
        "AER, raw",
        "95% interval",
        "AER, corrected",
        "95% interval",
        "change, points",
    )
    rows = [row for model in judged for row in _rate_rows(model, _judges(judged))]
    first, second = _judges(judged)
    known = known_errors.known(judged[0].second)
    text = (
        f"The judge “{second}” saw {_seen(judged)}. "
        + (f"{known_errors.told(second, known)} " if known else "Its errors have not been measured. ")
        + _verdict(judged, (first, second))
    )
    note = (
        "Change: of the raw rate against the base's images of the same prompts and noise, by the same judge."
        + without(versus.interval for model in judged for versus in model.versus if versus)
    )
    return Section("By a second judge", text.strip(), table=Table(header, rows), note=note)


def _seen(judged: Sequence[Judged]) -> str:
    """How many of the first judge's images the second one saw."""
    there = sum(len(one.first.judgements) for one in judged)
    seen = sum(len(one.first.judgements.keys() & one.second.judgements.keys()) for one in judged)
    return "the same images" if seen == there else f"{seen} of the {counted(there, 'image')}"


def _rate_rows(model: Judged, judges: tuple[str, str]) -> list[tuple[str, ...]]:
    methods = (model.first, model.second)
    return [
        (model.first.name, judge, *_rate_cells(method), _change(model.versus[number]))
        for number, (method, judge) in enumerate(zip(methods, judges, strict=True))
    ]


def _rate_cells(method: Method) -> tuple[str, ...]:
    rate = results.rate(method.judgements.values())
    found = known_errors.corrected(rate, known_errors.known(method))
    return (str(rate.scored), percent(rate.aer), range_of(rate.interval, percent), *known_errors.cells(found))


def _change(versus: Versus | None) -> str:
    if versus is None:
        return ""
    return (
        f"{points(versus.difference)} ({range_of(versus.interval, points) if versus.interval else NOTHING})"
    )


def _verdict(judged: Sequence[Judged], judges: tuple[str, str]) -> str:
    """Which models each judge finds better than the base."""
    compared = [model for model in judged if all(model.versus)]
    if not compared:
        return ""
    tests: dict[str, Callable[[bool, bool], bool]] = {
        "both judges": lambda one, two: one and two,
        f"{judges[0]} alone": lambda one, two: one and not two,
        f"{judges[1]} alone": lambda one, two: two and not one,
        "neither": lambda one, two: not (one or two),
    }
    told = []
    for name, test in tests.items():
        models = [m.first.name for m in compared if test(*(v is not None and v.better for v in m.versus))]
        told += [f"{', '.join(models)} by {name}"] if models else []
    return f"Better than the base beyond chance: {'; '.join(told)}."


def _agreement(judged: Sequence[Judged]) -> Section:
    one, two = _judges(judged)
    header = (
        "model",
        "images",
        "both wrong",
        f"{one} alone",
        f"{two} alone",
        "neither",
        "differing",
        "kappa",
    )
    rows = [(model.first.name, *_agreement_cells(model.agreement)) for model in judged]
    note = (
        "Images that both scored, by which of the judges calls them wrong. Differing: their share with "
        "different verdicts. Kappa: Cohen's, 1 for full agreement, 0 for as much as by chance."
    )
    return Section("How far the judges agree", table=Table(header, rows), note=note)


def _agreement_cells(found: Agreement) -> tuple[str, ...]:
    kappa = f"{found.kappa:.2f}" if found.kappa == found.kappa else NOTHING
    return (str(found.total), *map(str, found), percent(found.differing), kappa)


def as_json(judged: Sequence[Judged]) -> Row | None:
    """The numbers of `sections`."""
    if not judged:
        return None
    name, settings = judge_of(judged[0].second)
    calibration = known_errors.known(judged[0].second)
    judge = {"name": name, "settings": settings, "calibration": known_errors.as_json(calibration)}
    return {"judge": judge, "models": [_model_json(model) for model in judged]}


def _model_json(model: Judged) -> Row:
    rate, found, by_second = results.rate(model.second.judgements.values()), model.agreement, model.versus[1]
    row: Row = {
        "name": model.first.name,
        "aer": rate.aer if rate.scored else None,
        "aer_interval": list(rate.interval),
        "errors": rate.errors,
        "scored": rate.scored,
        "corrected": known_errors.corrected_json(
            known_errors.corrected(rate, known_errors.known(model.second))
        ),
        "agreement": {
            **found._asdict(),
            "differing": found.differing if found.total else None,
            "kappa": found.kappa if found.kappa == found.kappa else None,
        },
    }
    if by_second:
        row["aer_difference"], row["aer_difference_interval"] = by_second.difference, by_second.interval
        row["p"] = by_second.p
    return row
