"""What is known of images: labels in a JSON-lines file, of `asap truth`, or verdicts of another judge.

A row of such a file has `sample_id`, or `prompt_id` and `seed`; `verdict`, which is "correct", "error", or
anything else for what nobody can tell; and where it is known `error` or `errors`, the names of what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from asap.bench import judge as judgement_files
from asap.errors import UserError
from asap.records import Judgement
from asap.store import Row, content_id, file_id, read_config, read_rows

LABELS = "labels.jsonl"
SURE = ("correct", "error")


class Label(NamedTuple):
    """The truth of one image; `kinds` are the names of its errors where they are known."""

    verdict: str
    kinds: tuple[str, ...] = ()


class Labels(NamedTuple):
    """Labels by sample id and by prompt and seed, an id of them all, and who gave them."""

    by_sample: Mapping[str, Label]
    by_key: Mapping[tuple[str, int], Label]
    id: str
    source: str

    def of(self, judgement: Judgement) -> Label | None:
        """The label of what `judgement` judges, or None."""
        key = (judgement.prompt_id, judgement.seed)
        return self.by_sample.get(judgement.sample_id) or self.by_key.get(key)


def read(path: Path) -> Labels:
    """The labels in a file, in the `labels.jsonl` of a folder, or the verdicts of a folder of judgements.

    Raises:
        UserError: neither is there, or rows that are no labels.
    """
    file = path / LABELS if path.is_dir() else path
    if file.is_file():
        return _from_file(file)
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder of labels; check --labels")
    if not (path / judgement_files.JUDGEMENTS).is_file():
        raise UserError(f"{path} holds neither {LABELS} nor {judgement_files.JUDGEMENTS}; check --labels")
    found = judgement_files.read(path).values()
    labels = {(j.prompt_id, j.seed): Label(j.verdict, j.errors) for j in found}
    said = sorted((prompt, seed, label.verdict) for (prompt, seed), label in labels.items())
    judge = read_config(path).get("identity", {}).get("judge")
    return Labels({}, labels, content_id(said), f"labelled by the judge “{judge}”")


def _source(file: Path) -> str:
    made = file.parent / "config.json"
    if file.name == LABELS and made.is_file() and read_config(file.parent).get("stage") == "truth":
        return "the two sides of pairs whose error is known"
    return f"labelled in {file.name}"


def _from_file(file: Path) -> Labels:
    by_sample: dict[str, Label] = {}
    by_key: dict[tuple[str, int], Label] = {}
    for number, row in enumerate(read_rows(file), 1):
        where = f"{file} line {number}"
        label = _label(row, where)
        if row.get("sample_id") is not None:
            twice = by_sample.setdefault(str(row["sample_id"]), label) != label
        elif row.get("prompt_id") is not None and isinstance(row.get("seed"), int):
            twice = by_key.setdefault((str(row["prompt_id"]), row["seed"]), label) != label
        else:
            raise UserError(f'{where}: no "sample_id", nor "prompt_id" and "seed"; name the image')
        if twice:
            raise UserError(f"{where}: the image has another label already; remove one")
    if not (by_sample or by_key):
        raise UserError(f"{file} holds no labels")
    return Labels(by_sample, by_key, file_id(file), _source(file))


def _label(row: Row, where: str) -> Label:
    verdict = row.get("verdict", row.get("label"))
    if not isinstance(verdict, str):
        raise UserError(f'{where}: no "verdict"; write correct, error, or unsure')
    kinds = row.get("errors", row.get("error")) or ()
    names = (kinds,) if isinstance(kinds, str) else tuple(str(kind) for kind in kinds)
    return Label(verdict, names if verdict == "error" else ())
