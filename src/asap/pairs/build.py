"""`asap build`: photos of people -> a HAP dataset of localized preference pairs.

Each photo's pairs are kept in `HAP/.work` as soon as they are made; at the end they are put together, in the
order of the photos' paths, with those of photos done in earlier runs. So a run that was killed continues,
and the result depends on photos and settings alone.
"""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from tqdm import tqdm

from asap import command
from asap.errors import UserError
from asap.lookup import choose
from asap.pairs import dataset, ledger
from asap.pairs.card import mean
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.photos import Skipped, find_photos
from asap.pairs.pool import in_processes
from asap.pairs.worker import Rules, process
from asap.records import Photo
from asap.store import Row, exclusive, file_id, open_run, read_rows

LISTED = 20
"""Skipped files that the summary lists by name."""


@dataclass(frozen=True)
class Config:
    """Photos of people -> preference pairs. Run again, it continues, and adds photos that are new."""

    photos: tyro.conf.Positional[Path]
    """Folder of JPEG, PNG and WebP photos; captions in .txt files beside them or in a metadata.jsonl."""
    out: Path
    """Folder for the dataset (HAP)."""
    size: int = 1024
    """Longest side of the pictures in pixels; larger photos are scaled down."""
    degradations: str = ""
    """Names of the degradations to use, separated by commas; all where none is named."""
    per_region: int = 2
    """Most pairs of one hand, face or body."""
    exclude: tuple[str, ...] = ()
    """Patterns of files to leave out, such as "ai_*" or "drafts/*"; pairs made of them before are dropped."""
    ssim_inside: float = 0.85
    """Largest similarity inside the mask at which an error counts as seen."""
    ssim_outside: float = 0.98
    """Smallest similarity outside the mask."""
    lpips: tuple[Path, ...] = ()
    """Weights for LPIPS: a .safetensors file with the state dict of `lpips.LPIPS(net="alex")`, or those of
    AlexNet and of the heads. Without them LPIPS is left open; nothing is downloaded."""
    seed: int = 0
    """Seed of every choice."""
    workers: int = 0
    """Processes; 0 takes all cores."""


def run(config: Config) -> Path:
    """Build the dataset and return its folder.

    Raises:
        UserError: no photos or none that gives a pair, no such degradation, a folder made with other
            settings, MediaPipe not installed.
    """
    rules = _rules(config)
    exclude = (*config.exclude, *_inside(config.out, config.photos))
    photos, skipped = find_photos(config.photos, exclude)
    weights = [file_id(Path(path)) for path in rules.lpips]
    with exclusive(config.out):
        open_run(config.out, "build", {**rules._asdict(), "lpips": weights})
        _build(config, rules, exclude, photos, skipped)
    return config.out


def _build(
    config: Config, rules: Rules, exclude: Sequence[str], photos: Sequence[Photo], skipped: Sequence[Skipped]
) -> None:
    ledger.recover(config.out)
    before = ledger.kept(config.out, photos, exclude)
    todo = [p for p in photos if p.source not in before and not ledger.is_done(config.out, p)]
    new = ledger.fresh(config.out, photos)
    if not todo and not new and not ledger.is_stale(config.out, before):
        pairs = sum(int(account["pairs"]) for account in before.values())
        print(f"{config.out}: nothing to do, {pairs} pairs of {len(before)} photos are finished")
        return
    workers = config.workers or os.cpu_count() or 1
    speed = _make(todo, len(photos), config.out / ledger.WORK, rules, workers)
    new = ledger.fresh(config.out, photos)
    ledger.finish(config.out, before, new, "HAP: pairs from photos", _notes(rules, {**before, **new}))
    print(summary(config.out, skipped, speed))


def _rules(config: Config) -> Rules:
    names = [name.strip() for name in config.degradations.split(",") if name.strip()] or list(DEGRADATIONS)
    for name in names:
        choose({name: entry.function for name, entry in DEGRADATIONS.items()}, name, "degradation")
    if config.size < 64:
        raise UserError(f"--size {config.size} is too small to show an error; take 256 or more")
    if not (0 <= config.ssim_inside <= 1 and 0 <= config.ssim_outside <= 1):
        raise UserError("--ssim-inside and --ssim-outside lie between 0 and 1")
    if config.per_region < 1:
        raise UserError(f"--per-region {config.per_region} asks for no pairs; take 1 or more")
    return Rules(
        size=config.size,
        degradations=tuple(dict.fromkeys(names)),
        per_region=config.per_region,
        seed=config.seed,
        ssim_inside=config.ssim_inside,
        ssim_outside=config.ssim_outside,
        lpips=_weights(config.lpips),
    )


def _weights(paths: Sequence[Path]) -> tuple[str, ...]:
    if not paths:
        return ()
    from asap.pairs import lpips  # torch, which is not needed otherwise

    files = tuple(str(path) for path in paths)
    lpips.load(files)
    return files


def _inside(out: Path, photos: Path) -> tuple[str, ...]:
    """A pattern for the dataset itself where it lies among the photos."""
    here, there = out.resolve(), photos.resolve()
    return (f"{here.relative_to(there).as_posix()}/*",) if here.is_relative_to(there) else ()


def _make(todo: Sequence[Photo], total: int, work: Path, rules: Rules, workers: int) -> str:
    """Make the pairs of the photos `todo` in `work`; returns how fast that went, in words."""
    if not todo:
        return ""
    work.mkdir(parents=True, exist_ok=True)
    started, pairs = time.monotonic(), 0
    job = functools.partial(process, folder=work, rules=rules)
    with tqdm(total=total, initial=total - len(todo), unit="photo", dynamic_ncols=True) as bar:
        for account in in_processes(job, todo, workers):
            pairs += account["pairs"]
            speed = f"{pairs / (time.monotonic() - started):.2f} pairs/s"
            bar.update()
            bar.set_postfix_str(f"{pairs} pairs, {speed}")
    seconds = time.monotonic() - started
    return f"{len(todo)} photos in {seconds:.0f} s, {workers} at once, {speed}"


def _notes(rules: Rules, accounts: dict[str, Row]) -> list[str]:
    return [
        f"Made by `asap build` from {len(accounts)} photos, longest side at most {rules.size} pixels, "
        f"at most {rules.per_region} pairs of one hand, face or body, seed {rules.seed}. Kept are pairs with "
        f"an SSIM up to {rules.ssim_inside:g} inside the mask and from {rules.ssim_outside:g} outside.",
        "`photos.jsonl` tells what became of each photo, `rejected.jsonl` which attempts were rejected, and "
        "why; `contact_sheet.html` shows the pairs. The photos' own licences apply to the pictures.",
    ]


def summary(folder: Path, skipped: Sequence[Skipped], speed: str) -> str:
    """What a finished dataset holds, as lines for the terminal; `skipped` are files not even read."""
    accounts = list(read_rows(folder / "photos.jsonl"))
    left = [*skipped, *(Skipped(row["source"], row["skipped"]) for row in accounts if row["skipped"])]
    pairs = list(dataset.read(folder, ["part", "error", *dataset.METRICS]))
    reasons = Counter(row["reason"] for row in read_rows(folder / "rejected.jsonl"))
    lines = [f"{len(accounts)} photos, {len(left)} files skipped" + (f"; {speed}" if speed else "")]
    lines += [f"  skipped {source}: {reason}" for source, reason in left[:LISTED]]
    lines += [f"  and {len(left) - LISTED} more"] if len(left) > LISTED else []
    lines.append(f"{len(pairs)} pairs")
    for (part, error), count in Counter((row["part"], row["error"]) for row in pairs).most_common():
        lines.append(f"  {count:6}  {part}: {error}")
    for kind in ("ssim", "lpips"):
        inside, outside = (mean(row[f"{kind}_{side}"] for row in pairs) for side in ("inside", "outside"))
        lines += [f"{kind.upper()} inside the masks {inside}, outside {outside}"] if inside != "-" else []
    lines.append(f"{sum(reasons.values())} attempts rejected")
    lines += [f"  {count:6}  {reason}" for reason, count in reasons.most_common(LISTED)]
    lines.append(f"Look at them: {folder / 'contact_sheet.html'}")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """`asap build`."""
    run(command.parse(Config, argv, "build"))
