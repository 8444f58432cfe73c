"""`asap build`: photos of people -> a HAP dataset of localized preference pairs.

Each photo's pairs are kept in `HAP/.work` as soon as they are made; at the end they are put together, in the
order of the photos' paths, with those of photos done in earlier runs. So a run that was killed continues,
and the result depends on photos and settings alone.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from asap import cluster, command, progress
from asap.errors import UserError
from asap.lookup import choose
from asap.pairs import ledger, summary
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.gates import Gates
from asap.pairs.photos import Skipped
from asap.pairs.sources import storage
from asap.pairs.sources.find import find_photos
from asap.pairs.sources.tables import Columns
from asap.pairs.worker import Rules, process
from asap.pool import gpu_names, in_processes
from asap.records import Photo
from asap.store import Row, exclusive, file_id, open_run

DEGRADATIONS_HELP = (
    f"Degradations to use, separated by commas, of {', '.join(DEGRADATIONS)}; all where none is named."
)


@dataclass(frozen=True)
class Config:
    """Photos of people -> preference pairs. Run again, it continues, and adds photos that are new."""

    photos: Annotated[tyro.conf.Positional[str | Path], tyro.conf.arg(metavar="SOURCE")]
    """Folder of JPEG, PNG and WebP photos; captions in .txt files beside them or in a metadata.jsonl. Or tar
    shards (WebDataset) or parquet files, by name, pattern ("shard-{000..009}.tar") or folder. All of these
    also on object storage ("s3://bucket/photos"). Or "hf:NAME", a dataset for `datasets`."""
    out: Path
    """Folder for the dataset (HAP)."""
    size: int = 1024
    """Longest side of the pictures in pixels; larger photos are scaled down. (Training scales the short side
    to the model's resolution: where that is 1024, photos of 3:2 want 1536 here.)"""
    degradations: Annotated[str, tyro.conf.arg(help=DEGRADATIONS_HELP)] = ""
    per_region: int = 2
    """Most pairs of one hand, face or body."""
    per_photo: int = 12
    """Most pairs of one photo; its hands, faces and bodies take turns."""
    exclude: tuple[str, ...] = ()
    """Patterns of files to leave out, such as "ai_*" or "drafts/*", given after the folder of photos; pairs
    made of them before are dropped."""
    ssim_inside: float = 0.85
    """Largest similarity inside the mask at which an error counts as seen."""
    ssim_outside: float = 0.98
    """Smallest similarity outside the mask."""
    lpips_inside: float = 0.05
    """Smallest perceptual difference (LPIPS) inside the mask, where --lpips is given."""
    lpips_outside: float = 0.05
    """Largest perceptual difference outside the mask, where --lpips is given."""
    lpips: tuple[Path, ...] = ()
    """Weights for LPIPS: a .safetensors file with the state dict of `lpips.LPIPS(net="alex")`, or those of
    AlexNet and of the heads. Without them LPIPS is left open; nothing is downloaded."""
    seed: int = 0
    """Seed of every choice."""
    split: str = "train"
    """Of a dataset for `datasets`: the split."""
    image_column: str = ""
    """Of a table: the column of photos; left open, the only one that holds pictures."""
    caption_column: str = ""
    """Of a table: the column of captions; left open, "caption", "text" or "prompt"."""
    retry_failed: bool = False
    """Try photos again where something failed (storage that did not answer, memory), not those refused."""
    engine: Literal["local", "ray"] = "local"
    """Where the work is done: on this machine, or on a Ray cluster, whose machines must all see --out and the
    photos under the same names (RAY_ADDRESS, or the cluster that this machine belongs to)."""
    workers: int = 0
    """Processes; 0 takes all cores, with --gpus all GPUs, with Ray all that the cluster has room for."""
    gpus: float = 0.0
    """GPUs a worker, for degradations that use one: 1, or with Ray a part of one; 0 for none."""


def run(config: Config) -> Path:
    """Build the dataset and return its folder.

    Raises:
        UserError: no photos or none that gives a pair, no such degradation, a folder made with other
            settings, MediaPipe not installed.
    """
    rules = _rules(config)
    exclude = (*config.exclude, *_inside(config.out, config.photos))
    columns = Columns(config.image_column, config.caption_column)
    photos, skipped = find_photos(config.photos, exclude, columns=columns, split=config.split)
    weights = [file_id(Path(path)) for path in rules.lpips]
    with exclusive(config.out):
        identity = {**rules._asdict(), "gates": rules.gates._asdict(), "lpips": weights}
        open_run(config.out, "build", identity)
        _build(config, rules, exclude, photos, skipped)
    return config.out


def _build(
    config: Config, rules: Rules, exclude: Sequence[str], photos: Sequence[Photo], skipped: Sequence[Skipped]
) -> None:
    out = config.out
    ledger.recover(out)
    before = ledger.kept(out, photos, exclude)
    if config.retry_failed:
        failed = ledger.forget_failed(out, photos) & {photo.source for photo in photos}
        before = {source: row for source, row in before.items() if source not in failed}
    todo = [p for p in photos if p.source not in before and not ledger.is_done(out, p)]
    new = ledger.fresh(out, photos)
    missing = len(before.keys() - {photo.source for photo in photos})
    if not todo and not new and not ledger.is_stale(out, before):
        print(f"{out}: nothing to do; {summary.holds(before, missing)}\nLook at them: {out / summary.SHEET}")
        return
    speed = _make(config, rules, todo, len(photos))
    new = ledger.fresh(out, photos)
    accounts = {**before, **new}
    print(summary.of_files(out, accounts, skipped, missing, speed))
    ledger.finish(out, before, new, "HAP: pairs from photos", summary.notes(rules, accounts))
    print(summary.of_pairs(out))


def _rules(config: Config) -> Rules:
    names = [name.strip() for name in config.degradations.split(",") if name.strip()] or list(DEGRADATIONS)
    for name in names:
        choose({name: entry.function for name, entry in DEGRADATIONS.items()}, name, "degradation")
    if config.size < 64:
        raise UserError(f"--size {config.size} is too small to show an error; take 256 or more")
    gates = Gates(config.ssim_inside, config.ssim_outside, config.lpips_inside, config.lpips_outside)
    for name in ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside"):
        bound = getattr(gates, name)
        if not 0 <= bound <= 1:
            raise UserError(f"--{name.replace('_', '-')} {bound} does not lie between 0 and 1")
    _check_places(config)
    for name, most in (("region", config.per_region), ("photo", config.per_photo)):
        if most < 1:
            raise UserError(f"--per-{name} {most} asks for no pairs; take 1 or more")
    return Rules(
        size=config.size,
        degradations=tuple(dict.fromkeys(names)),
        per_region=config.per_region,
        per_photo=config.per_photo,
        seed=config.seed,
        gates=gates,
        lpips=_weights(config.lpips),
    )


def _check_places(config: Config) -> None:
    """Raise where the work cannot be done, or the dataset cannot be put, as asked."""
    if config.workers < 0:
        raise UserError(f"--workers {config.workers}: give a number of processes, or 0 for all cores")
    if config.gpus < 0 or (config.engine == "local" and config.gpus not in (0, 1)):
        raise UserError(f"--gpus {config.gpus:g}: take 0, or 1; with --engine ray also a part of one")
    if re.match(r"\w+:/", str(config.out)):
        raise UserError(f"--out {config.out}: give a folder on a disk, and copy it to storage afterwards")
    here = storage.local(str(config.photos))
    if here is not None and config.out.resolve() == here.resolve():
        raise UserError(f"--out {config.out} is the folder of the photos; give the dataset one of its own")


def _weights(paths: Sequence[Path]) -> tuple[str, ...]:
    if not paths:
        return ()
    from asap.pairs import lpips  # torch, which is not needed otherwise

    files = tuple(str(path) for path in paths)
    lpips.load(files)
    return files


def _inside(out: Path, source: str | Path) -> tuple[str, ...]:
    """A pattern for the dataset itself where it lies among the photos."""
    photos = storage.local(str(source))
    if photos is None:
        return ()
    here, there = out.resolve(), photos.resolve()
    return (f"{here.relative_to(there).as_posix()}/*",) if here.is_relative_to(there) else ()


def _make(config: Config, rules: Rules, todo: Sequence[Photo], total: int) -> str:
    """Make the pairs of the photos `todo`, in `HAP/.work`; returns how fast that went, in words."""
    if not todo:
        return ""
    started, pairs = time.monotonic(), 0
    with progress.bar(total=total, initial=total - len(todo), desc="build", unit="photo") as bar:
        for account in _accounts(config, rules, todo):
            pairs += account["pairs"]
            speed = f"{pairs / (time.monotonic() - started):.2f} pairs/s"
            bar.update()
            bar.set_postfix_str(f"{pairs} pairs, {speed}", refresh=False)
    seconds = time.monotonic() - started
    return f"{len(todo)} photos in {seconds:.0f} s, {speed}"


def _accounts(config: Config, rules: Rules, todo: Sequence[Photo]) -> Iterator[Row]:
    """The account of each photo as soon as it is made, by the engine that was asked for."""
    work = (config.out / ledger.WORK).resolve()
    work.mkdir(parents=True, exist_ok=True)
    job, mend = functools.partial(process, folder=work, rules=rules), "fewer --workers, or --exclude the file"
    if config.engine == "ray":
        return cluster.on_cluster(job, todo, shared=work, workers=config.workers, gpus=config.gpus, mend=mend)
    gpus = gpu_names() if config.gpus else ()
    workers = config.workers or len(gpus) or os.cpu_count() or 1
    return in_processes(job, todo, workers, gpus=gpus, mend=mend)


def main(argv: Sequence[str]) -> None:
    """`asap build`."""
    run(command.parse(Config, argv, "build"))
