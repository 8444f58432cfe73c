"""A judge's known errors in the report: what they are, and the error rates without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asap.bench import calibrate
from asap.bench.calibration.record import Calibration, calibration_of, read_tally
from asap.bench.corrected import Corrected, Tally, correct
from asap.bench.page import Section, Table, Tile
from asap.bench.results import Method, Rate, judge_of
from asap.bench.wording import NOTHING, percent, range_of
from asap.errors import UserError
from asap.store import Row, content_id

OWN = "own calibration"
"""Where `calibrated` keeps it among what is known of the judge."""
Named = Sequence[tuple[str, Rate]]
"""The models' names and raw rates."""


def known(method: Method) -> Calibration | None:
    """What is recorded of the errors of the judge that judged `method`, the user's own calibration before
    that in the package; None where nothing is."""
    own = method.judged.get(OWN)
    return own if isinstance(own, Calibration) else calibration_of(*judge_of(method))


def calibrated(methods: Sequence[Method], folders: Sequence[Path]) -> list[Method]:
    """`methods` with the calibration, of those in `folders`, that is of their judge and its settings.

    Raises:
        UserError: a folder of none, or of two calibrations of one judge.
    """
    found: dict[str, Calibration] = {}
    for folder in folders:
        row = calibrate.read(folder)
        key = content_id(row["judge"], row["settings"])
        if key in found:
            raise UserError(f"--calibration {folder}: the judge {row['judge']} is calibrated twice; give one")
        found[key] = _calibration(row)
    keyed = [(method, found.get(content_id(*judge_of(method)))) for method in methods]
    return [replace(m, judged={**m.judged, OWN: own}) if own else m for m, own in keyed]


def check_used(folders: Sequence[Path], methods: Sequence[Method]) -> None:
    """Raise a UserError where a calibration is of none of the judges that judged `methods`."""
    judges = {content_id(*judge_of(method)) for method in methods}
    for folder in folders:
        row = calibrate.read(folder)
        if content_id(row["judge"], row["settings"]) not in judges:
            raise UserError(
                f"--calibration {folder} is of the judge {row['judge']} with settings {row['settings']}, "
                "which judged none of these images; calibrate the judge as it is used"
            )


def _calibration(row: Row) -> Calibration:
    kinds = {name: (one["caught"], one["images"]) for name, one in row["kinds"].items()}
    counts, weighed = read_tally(row), Tally(*(float(row["weighed"][name]) for name in Tally._fields))
    return Calibration("images", counts, {}, math.nan, math.nan, row["source"], weighed, kinds)


def corrected(rate: Rate, calibration: Calibration | None) -> Corrected | None:
    """The rate without the judge's errors; None where they are not known, or `correct` has none."""
    if calibration is None or not rate.scored:
        return None
    return correct(rate.aer * rate.effective, rate.effective, calibration.weighed or calibration.tally)


def tile(judge: object, calibration: Calibration | None) -> Tile:
    """The judge and how often it is right, for the page's head."""
    if calibration is None:
        return Tile("Judge", str(judge), "its errors have not been measured")
    found = calibration.tally
    right = f"finds {found.sensitivity:.0%} of the faulty {calibration.subject} it was measured on"
    return Tile("Judge", str(judge), f"{right}, passes {found.specificity:.0%} of the correct ones")


def told(judge: object, calibration: Calibration) -> str:
    """The judge's errors in a sentence, or two where it does not err alike on all models."""
    found = calibration.tally
    sure = calibration.weighed or found
    finds = _share(found.sensitivity, sure.sensitivity_interval)
    passes = _share(found.specificity, sure.specificity_interval)
    sentence = (
        f"On {found.faulty + found.sound} {calibration.subject}, {calibration.source}, the judge “{judge}” "
        f"finds {finds} of the faulty ones and passes {passes} of the correct ones."
    )
    if calibration.kinds:
        sentence += f" {_by_kind(calibration)}"
    return sentence if calibration.alike else f"{sentence} {_unequal(calibration)}"


def _by_kind(calibration: Calibration) -> str:
    ordered = sorted(calibration.kinds.items(), key=lambda item: -item[1][0] / item[1][1])
    told = ", ".join(f"{kind} {caught} of {images}" for kind, (caught, images) in ordered)
    return f"By kind of error it finds: {told}."


def _share(share: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{share:.0%} ({100 * low:.0f} to {high:.0%})"


def _unequal(calibration: Calibration) -> str:
    models = calibration.by_model.items()
    if calibration.alike_on_faulty_p < calibration.alike_on_correct_p:
        what, shares = f"faulty {calibration.subject} it finds", {n: t.sensitivity for n, t in models}
    else:
        what, shares = f"correct {calibration.subject} it passes", {n: t.specificity for n, t in models}
    known = {name: share for name, share in shares.items() if math.isfinite(share)}
    most, least = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    return (
        "It does not err alike on all of the models measured there, beyond chance: of the "
        f"{what} {known[most]:.0%} for their {most} but {known[least]:.0%} for their {least}, so that "
        "differences between models may be off by more than the intervals say."
    )


def section(judge: object, rates: Named, calibration: Calibration) -> Section:
    """Raw and corrected rates side by side."""
    header = ("model", "AER, raw", "95% interval", "AER, corrected", "95% interval")
    rows = [
        (name, percent(rate.aer), range_of(rate.interval, percent), *cells(corrected(rate, calibration)))
        for name, rate in rates
    ]
    note = (
        "Corrected: (raw + specificity − 1) / (sensitivity + specificity − 1), between 0 and 1 (Rogan and "
        "Gladen 1978); its interval carries the uncertainty of all three (Lang and Reiczigel 2014). It takes "
        "the images to be like the labelled ones, and the judge to err alike on all models."
    )
    return Section(
        "Without the judge's errors", told(judge, calibration), table=Table(header, rows), note=note
    )


def cells(found: Corrected | None) -> tuple[str, str]:
    """A corrected rate and its interval as a table shows them."""
    return (percent(found.rate), range_of(found.interval, percent)) if found else (NOTHING, NOTHING)


def caveat(judge: object, calibration: Calibration | None) -> str:
    """A sentence for the headline where the judge is known to err; else nothing."""
    if calibration is None:
        return ""
    return f"These are raw rates of the judge “{judge}”, which is known to err; corrected ones stand below."


def as_json(calibration: Calibration | None) -> Row | None:
    """The judge's counts on the labelled pictures, with sensitivity and specificity."""
    if calibration is None:
        return None
    found = calibration.tally
    return {
        **found._asdict(),
        "sensitivity": found.sensitivity,
        "sensitivity_interval": found.sensitivity_interval,
        "specificity": found.specificity,
        "specificity_interval": found.specificity_interval,
        "alike_on_faulty_p": _number(calibration.alike_on_faulty_p),
        "alike_on_correct_p": _number(calibration.alike_on_correct_p),
        "source": calibration.source,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def corrected_json(found: Corrected | None) -> Row | None:
    """A corrected rate and its interval."""
    return {"aer": found.rate, "aer_interval": list(found.interval)} if found else None
