"""Tables of the laboratory's results, as Markdown; rates are means over training seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asap.bench.calibration.record import Calibration
from asap.bench.corrected import agreement, correct
from asap.lab.numbers import Estimate, error_rate, mean_interval, scored
from asap.lab.plan import Chosen
from asap.lab.results import Group, difference, difference_over_prompts

Row = Mapping[str, Any]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose first column names and whose others hold numbers."""
    lines = [f"| {' | '.join(header)} |", f"|---{'|---:' * (len(header) - 1)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def percent(value: Estimate) -> str:
    """A share with its interval, in percent."""
    if math.isnan(value.low):
        return f"{value.mean:.1%}"
    return f"{value.mean:.1%} [{max(0.0, value.low):.1%}, {min(1.0, value.high):.1%}]"


def points(value: Estimate) -> str:
    """A difference of shares with its interval, in percentage points."""
    interval = "" if math.isnan(value.low) else f" [{value.low * 100:+.1f}, {value.high * 100:+.1f}]"
    return f"{value.mean * 100:+.1f}{interval}"


def plain(value: Estimate, factor: float = 1.0, digits: int = 1) -> str:
    """A mean and half the width of its interval."""
    half = "" if math.isnan(value.low) else f" ± {(value.high - value.mean) * factor:.{digits}f}"
    return f"{value.mean * factor:.{digits}f}{half}"


def choice(found: Sequence[Group], judges: Sequence[str], base: Row, chosen: Chosen) -> str:
    """Every setting that was tried, at every step; the chosen one in bold."""
    header = ("objective", "settings", "step", *(f"AER, {name}" for name in judges), "broken", "drift")
    rows = []
    for group in found:
        name = group.objective
        mark = chosen.settings[name] == group.settings and chosen.stops[name] == group.step
        cells = [name, group.settings.told, str(group.step)]
        cells += [percent(group.error_rate(judge)) for judge in judges]
        cells += [percent(group.broken(judges[0], base)), plain(group.estimate("drift"), 1e3)]
        rows.append([f"**{cell}**" if mark else cell for cell in cells])
    return table(header, rows)


def outcomes(found: Sequence[Group], judges: Sequence[str], base: Row) -> str:
    """All numbers of the groups, the base's first."""
    header = (
        "objective", "steps", *(f"AER, {name}" for name in judges),
        "broken", "drift", "style leak", "Frechet", "winner's rise",
    )  # fmt: skip
    rows = [_base(judges, base)]
    for group in found:
        rows.append(
            [
                group.objective,
                str(group.step),
                *(percent(group.error_rate(judge)) for judge in judges),
                percent(group.broken(judges[0], base)),
                plain(group.estimate("drift"), 1e3),
                plain(group.estimate("leak"), 100),
                plain(group.estimate("frechet"), 1, 2),
                plain(group.estimate("winner_rise"), 1e3),
            ]
        )
    return table(header, rows)


def _base(judges: Sequence[str], base: Row) -> list[str]:
    rates = [f"{error_rate(base['verdicts'][judge]):.1%}" for judge in judges]
    return ["base", "0", *rates, "0.0%", "0.0", "0.0", f"{base['frechet']:.2f}", "0.0"]


def corrected(found: Sequence[Group], base: Row, known: Mapping[str, Calibration | None]) -> str:
    """Each judge's rate raw and corrected for its known errors, and how often the judges differ.

    The seeds of a group are taken as images of the same prompts, so that they do not narrow the interval.
    """
    judges = list(known)
    header = ["objective", "steps"]
    for name in judges:
        header += [f"{name}, raw", f"{name}, corrected"]
    rows = [["base", "0", *_both([base], known), _differing([base], judges)]]
    rows += [[g.objective, str(g.step), *_both(g.rows, known), _differing(g.rows, judges)] for g in found]
    return table([*header, "judges differ (kappa)"], rows)


def _both(rows: Sequence[Row], known: Mapping[str, Calibration | None]) -> list[str]:
    cells = []
    for name, calibration in known.items():
        verdicts = [row["verdicts"][name] for row in rows]
        rate = sum(map(error_rate, verdicts)) / len(rows)
        count = len(verdicts[0])
        found = correct(rate * count, count, calibration.tally) if calibration else None
        told = (
            f"{found.rate:.1%} [{found.interval.low:.1%}, {found.interval.high:.1%}]"
            if found
            else "not known"
        )
        cells += [f"{rate:.1%}", told]
    return cells


def _differing(rows: Sequence[Row], judges: Sequence[str]) -> str:
    if len(judges) < 2:
        return "one judge"
    first, second = ("".join(row["verdicts"][name] for row in rows) for name in judges[:2])
    pairs = scored(first, second)
    found = agreement([a for a, _ in pairs], [b for _, b in pairs])
    return f"{found.differing:.1%} ({found.kappa:.2f})"


OVER = (difference, difference_over_prompts)


def contrasts(pairs: Iterable[tuple[Group, Group]], judges: Sequence[str]) -> str:
    """Differences in error rate between two objectives under the same training seeds, in points: with their
    intervals over seeds, and over prompts."""
    header = ["", "steps", *(f"{name}, over {what}" for name in judges for what in ("seeds", "prompts"))]
    rows = [
        [
            f"{one.objective} - {other.objective}",
            str(one.step) if one.step == other.step else f"{one.step}, {other.step}",
            *(points(of(one, other, judge)) for judge in judges for of in OVER),
        ]
        for one, other in pairs
    ]
    return table(header, rows)


def kinds(found: Sequence[Group], judge: str, base: Row) -> str:
    """How many of the images show each kind of error, by the name that the judge gives it."""
    names = sorted({*base["kinds"][judge], *(kind for group in found for kind in group.kinds(judge))})
    rows = [["base", "0", *(str(base["kinds"][judge].get(name, 0)) for name in names)]]
    for group in found:
        counts = group.kinds(judge)
        rows.append([group.objective, str(group.step), *(f"{counts.get(name, 0):.1f}" for name in names)])
    return table(("objective", "steps", *names), rows)


def by_subject(found: Sequence[Group], judges: Sequence[str], base: Row) -> str:
    """Error rates by what a prompt shows, one column for each subject and judge."""
    of = base["subjects"]
    named = [(subject, judge) for subject in dict.fromkeys(of) for judge in judges]
    header = ("objective", "steps", *(f"{s} ({of.count(s)}), {j}" for s, j in named))

    def rates(rows: Sequence[Row]) -> list[str]:
        return [
            percent(mean_interval([error_rate(only(row["verdicts"][judge], of, subject)) for row in rows]))
            for subject, judge in named
        ]

    lines = [["base", "0", *rates([base])]]
    lines += [[group.objective, str(group.step), *rates(group.rows)] for group in found]
    return table(header, lines)


def only(verdicts: str, subjects: Sequence[str], subject: str) -> str:
    """The verdicts on images of `subject`."""
    return "".join(v for v, own in zip(verdicts, subjects, strict=True) if own == subject)


def by_data(found: Sequence[Group], judges: Sequence[str], base: Row, name: str) -> str:
    """The groups by a property of their data: "look" or "pairs"."""
    header = (
        name,
        "objective",
        "settings",
        "steps",
        *(f"AER, {j}" for j in judges),
        "broken",
        "drift",
        "style leak",
    )
    rows = []
    for group in sorted(found, key=lambda g: float(getattr(g.data, name))):
        rows.append(
            [
                f"{getattr(group.data, name):g}",
                group.objective,
                group.settings.told,
                str(group.step),
                *(percent(group.error_rate(judge)) for judge in judges),
                percent(group.broken(judges[0], base)),
                plain(group.estimate("drift"), 1e3),
                plain(group.estimate("leak"), 100),
            ]
        )
    return table(header, rows)


def margins(found: Sequence[Group], judges: Sequence[str], base: Row, spreads: Mapping[str, float]) -> str:
    """Margins by the weight of the region, in units of the spread of the reference's own gap."""
    header = ("alpha", "spread", "tau", "tau / spread", *(f"AER, {j}" for j in judges), "broken", "drift")
    rows = []
    for group in sorted(found, key=lambda g: (g.settings.alpha, g.settings.tau)):
        alpha, tau = group.settings.alpha, group.settings.tau
        spread = next(value for key, value in spreads.items() if float(key) == alpha)
        rows.append(
            [
                f"{alpha:g}",
                f"{spread:.3g}",
                f"{tau:.3g}",
                f"{tau / spread:.1f}",
                *(percent(group.error_rate(judge)) for judge in judges),
                percent(group.broken(judges[0], base)),
                plain(group.estimate("drift"), 1e3),
            ]
        )
    return table(header, rows)
