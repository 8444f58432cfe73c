"""The judges of drawn figures on the labelled sets: the counts that the records keep."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from asap.bench.calibration.labelled import Labelled
from asap.bench.corrected import Agreement, Tally, agreement, alike_p, tally
from asap.bench.judge import JUDGES
from asap.bench.judges.judge import Judge
from asap.lookup import choose
from asap.store import Row

JUDGED_BY = {"hands": ("figures", "network"), "people": ("figures-people", "network-people")}
"""The judges of each set: one that fits renders, one that has learned."""


def judges(name: str) -> list[Judge]:
    """The judges of the set `name`."""
    return [choose(JUDGES, judge, "judge")() for judge in JUDGED_BY[name]]


def opinions(judge: Judge, labelled: Labelled) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Of each labelled picture, whether `judge` calls it wrong, and its score; both (N,)."""
    with TemporaryDirectory() as folder:
        for row, picture in zip(labelled.rows, labelled.pictures, strict=True):
            Pillow.fromarray(picture).save(Path(folder) / row["id"], "PNG")
        found = {j.sample_id: j for j in judge.judge(Path(folder), labelled.samples)}
    own = [found[row["id"]] for row in labelled.rows]
    return np.array([j.verdict == "error" for j in own]), np.array([j.score or 0.0 for j in own])


def verdicts(labelled: Labelled) -> dict[str, NDArray[np.bool_]]:
    """Judge -> of each labelled picture, whether the judge calls it wrong."""
    return {judge.name: opinions(judge, labelled)[0] for judge in judges(labelled.name)}


def measure(labelled: Labelled) -> Row:
    """The record of both judges on the labelled set; what is "unsure" is counted, and left out.

    Of each judge also what it `called` each picture, in the set's order: c, correct, or e, an error.
    """
    found, sure, wrong = verdicts(labelled), labelled.sure(), labelled.wrong()
    settings = {judge.name: judge.settings for judge in judges(labelled.name)}
    first, second = found.values()
    return {
        "set": labelled.id,
        "subject": labelled.name,
        "count": len(labelled),
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
        "called": "".join("ce"[int(each)] for each in called),
        "alike_on_faulty_p": round(alike_p(called[wrong].tolist(), models[wrong].tolist()), 6),
        "alike_on_correct_p": round(alike_p(called[sound].tolist(), models[sound].tolist()), 6),
        "by_model": {name: found._asdict() for name, found in by_model.items()},
    }


def _tally(labelled: Labelled, called: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Tally:
    return tally(labelled.wrong()[rows].tolist(), called[rows].tolist())


def _agreement_json(found: Agreement) -> Row:
    return {**found._asdict(), "kappa": round(found.kappa, 6) if found.kappa == found.kappa else None}
