"""The judges of drawn hands on the labelled set: the counts that `hands.json` keeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.bench.calibration.labelled import Labelled
from asap.bench.corrected import Agreement, Tally, agreement, alike_p, tally
from asap.bench.judges import figures, network
from asap.store import Row


def verdicts(labelled: Labelled) -> dict[str, NDArray[np.bool_]]:
    """Judge -> of each labelled hand, whether the judge calls it wrong."""
    pictures, gestures = labelled.pictures, labelled.gestures
    fits, opinions = figures.examine(pictures, gestures), network.examine(pictures, gestures)
    return {
        figures.Figures.name: np.array([f.score > figures.THRESHOLD for f in fits]),
        network.Network.name: np.array([o.probability > network.threshold() for o in opinions]),
    }


def measure(labelled: Labelled) -> Row:
    """The record of both judges on the labelled set; hands that are "unsure" are counted, and left out."""
    found, sure, wrong = verdicts(labelled), labelled.sure(), labelled.wrong()
    settings = {judge.name: judge.settings for judge in (figures.Figures(), network.Network())}
    first, second = found.values()
    return {
        "set": labelled.id,
        "hands": len(labelled),
        "errors": int(wrong.sum()),
        "correct": int((sure & ~wrong).sum()),
        "unsure": int((~sure).sum()),
        "labellers": _agreement_json(labelled.labellers()),
        "between_judges": {
            "judges": list(found),
            **_agreement_json(agreement(first[sure].tolist(), second[sure].tolist())),
        },
        "judges": [
            {"name": name, "settings": settings[name], **_counts(labelled, called)}
            for name, called in found.items()
        ],
    }


def _counts(labelled: Labelled, called: NDArray[np.bool_]) -> Row:
    sure, models = labelled.sure(), np.array([row["model"] for row in labelled.rows])
    wrong, sound = labelled.wrong(), sure & ~labelled.wrong()
    names = dict.fromkeys(models.tolist())
    by_model = {name: _tally(labelled, called, sure & (models == name)) for name in names}
    return {
        **_tally(labelled, called, sure)._asdict(),
        "alike_on_faulty_p": round(alike_p(called[wrong].tolist(), models[wrong].tolist()), 6),
        "alike_on_correct_p": round(alike_p(called[sound].tolist(), models[sound].tolist()), 6),
        "by_model": {name: found._asdict() for name, found in by_model.items()},
    }


def _tally(labelled: Labelled, called: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Tally:
    return tally(labelled.wrong()[rows].tolist(), called[rows].tolist())


def _agreement_json(found: Agreement) -> Row:
    return {**found._asdict(), "kappa": round(found.kappa, 6) if found.kappa == found.kappa else None}
