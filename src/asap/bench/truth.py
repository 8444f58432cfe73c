"""`asap truth`: pairs as images whose truth is known, for `asap judge` and then `asap calibrate`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow.parquet as pq
import tyro

from asap import command, progress
from asap.bench.calibration.labels import LABELS
from asap.bench.samples import METADATA
from asap.errors import UserError
from asap.records import Sample
from asap.store import content_id, exclusive, file_id, open_run, seed_of, to_json, write_atomic

COLUMNS = ("id", "prompt", "chosen", "rejected", "part", "error", "source")


@dataclass(frozen=True)
class Config:
    """Make a folder of images from pairs: good pictures, which are correct, and bad ones with their errors.

    What a judge sees of it tells nothing: labels.jsonl has the truth, names are ids, the order is mixed.
    """

    pairs: tyro.conf.Positional[Path]
    """Folder of a HAP dataset."""
    out: Path
    """Folder for the images: images/*.png, metadata.jsonl, labels.jsonl and config.json."""
    most: int = 300
    """Pairs taken, by chance; 0 takes all."""
    split: Literal["all", "train", "test"] = "all"
    """The dataset's split from which to take them."""
    seed: int = 0
    """Another number takes other pairs."""


class Shown(NamedTuple):
    """A picture with its truth: PNG bytes, the pair's words, and the error's name, "" for none."""

    data: bytes
    text: str
    part: str
    source: str
    error: str

    @property
    def id(self) -> str:
        """By its bytes alone, so that the same good picture of several pairs is one image."""
        return hashlib.sha256(self.data).hexdigest()[:16]


def run(config: Config) -> Path:
    """Write the images and what is known of them; returns the folder.

    Raises:
        UserError: no dataset, or a folder made with other settings.
    """
    if config.most < 0:
        raise UserError(f"--most is {config.most}; give 0 for all pairs, or a number of them")
    files = _files(config.pairs, config.split)
    identity = {
        "pairs": content_id([file_id(file) for file in files]),
        "most": config.most,
        "seed": config.seed,
    }
    with exclusive(config.out):
        open_run(config.out, "truth", identity, {"command": command.spell(config, "truth", "pairs")})
        wanted = _chosen(files, config)
        found: dict[str, Shown] = {}
        for shown in progress.bar(
            _pictures(files, wanted), total=2 * len(wanted), desc="truth", unit="image"
        ):
            path = config.out / "images" / f"{shown.id}.png"
            if not path.is_file():
                write_atomic(path, shown.data)
            found.setdefault(shown.id, shown._replace(data=b""))
        _write(config.out, found, config.seed)
    return config.out


def _files(folder: Path, split: str) -> list[Path]:
    found = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
    found = [file for file in found if split == "all" or file.name.startswith(split)]
    if not found:
        raise UserError(f"{folder}: no pairs there (split {split}); give the folder of a HAP dataset")
    missing = set(COLUMNS) - set(pq.read_schema(found[0]).names)
    if missing:
        raise UserError(f"{found[0]} lacks the columns {', '.join(sorted(missing))}; give a HAP dataset")
    return found


def _chosen(files: list[Path], config: Config) -> set[str]:
    """The ids of the pairs to take: those that come first by chance."""
    names = [name for file in files for name in pq.read_table(file, columns=["id"])["id"].to_pylist()]
    names.sort(key=lambda name: seed_of("truth", config.seed, name))
    return set(names[: config.most or None])


def _pictures(files: list[Path], wanted: set[str]) -> Iterator[Shown]:
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(16, columns=list(COLUMNS)):
            for row in batch.to_pylist():
                if row["id"] in wanted:
                    yield _shown(row, "chosen", "")
                    yield _shown(row, "rejected", row["error"])


def _shown(row: dict[str, Any], name: str, error: str) -> Shown:
    return Shown(row[name]["bytes"], row["prompt"], row["part"], row["source"], error)


def _write(out: Path, found: dict[str, Shown], seed: int) -> None:
    """`metadata.jsonl` and `labels.jsonl`; images of one photo share a prompt id, as they are alike."""
    samples, known, counts = [], [], dict.fromkeys((shown.source for shown in found.values()), 0)
    for name in sorted(found, key=lambda name: seed_of("order", seed, name)):
        shown = found[name]
        prompt, number = content_id(shown.source), counts[shown.source]
        counts[shown.source] += 1
        samples.append(Sample(name, f"images/{name}.png", shown.text, prompt, shown.part, number))
        label = {"sample_id": name, "verdict": "error" if shown.error else "correct"}
        known.append(label | ({"errors": [shown.error]} if shown.error else {}))
    for name, rows in ((METADATA, samples), (LABELS, known)):
        write_atomic(out / name, "".join(f"{to_json(row)}\n" for row in rows))


def main(argv: list[str]) -> None:
    """The command `asap truth`."""
    out = run(command.parse(Config, argv, "truth"))
    print(f"images: {out}; judge them by `asap judge {out}`, then `asap calibrate --labels {out}`")
