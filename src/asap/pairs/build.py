"""`asap build`: photos of people -> a HAP dataset of localized preference pairs.

Each photo's pairs are kept in `HAP/.work` as soon as they are made; at the end they are put together, in the
order of the photos' paths, with those of photos done in earlier runs. So a run that was killed continues,
and the result depends on photos and settings alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from asap import command
from asap.anatomy.detectors import load as detectors
from asap.anatomy.detectors.detector import Choice
from asap.errors import UserError
from asap.lookup import choose
from asap.pairs.checks import witness
from asap.pairs.checks.gates import NUMBERS, Gates, Target
from asap.pairs.checks.semantics import Use
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.engines.settings import Engines, resolved
from asap.pairs.rules import Rules, entries
from asap.pairs.sources import folder, storage
from asap.pairs.sources.find import find_photos
from asap.pairs.sources.tables import Columns
from asap.store import exclusive, file_id, open_run

DEGRADATIONS_HELP = (
    f"Degradations to use, separated by commas, of {', '.join(DEGRADATIONS)}; all where none is named."
)


DETECTOR_HELP = f"What finds hands, faces and bodies (docs/anatomy.md), of {', '.join(detectors.DETECTORS)}."


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
    detector: Annotated[str, tyro.conf.arg(help=DETECTOR_HELP)] = "mediapipe"
    detector_files: tuple[str, ...] = ()
    """Of keypoints: a COCO JSON. Of dwpose: the person detector and the pose model, two .onnx files; without
    them they are downloaded from the servers of OpenMMLab. Of grounded-sam: Grounding DINO and SAM 2, folders
    or names on the hub; without them their tiny models are downloaded from there."""
    detector_points: str = "mediapipe"
    """Of grounded-sam: who lends keypoints to its masks: mediapipe, a COCO JSON, or none."""
    detector_device: str = "cpu"
    """Of dwpose and grounded-sam: cpu or cuda; every worker process loads the models."""
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
    license: str = ""
    """Licence of the photos for which metadata.jsonl tells none, such as "cc-by-4.0"."""
    test_share: float | None = None
    """Share of the photos held out as the split `test`, near duplicates together; a split once made stays.
    Left out: as the folder was split before, else none."""
    target: tuple[float, float, float, float] = (0.53, 0.34, 0.98, 0.01)
    """Wanted SSIM and LPIPS inside the mask and SSIM and LPIPS outside it, the averages published for HAP:
    of the candidates that pass, the nearest is kept."""
    bands: tuple[float, float, float, float] = (0.25, 0.2, 0.02, 0.04)
    """Half-widths around --target: within them an edit's strength is changed no more. Outside the mask only
    what is worse than the target counts."""
    tries: int = 4
    """Most strengths tried of one edit; 1 leaves every edit at its own."""
    checks: Use = "trusted"
    """Whether the error named is looked for in the negative: "trusted" refuses pairs by the checks that
    proved right in calibration, "all" by every check there is, "none" by none; what none can tell is kept.
    "vlm": as trusted, and what these cannot tell is asked of a vision-language model (--endpoint)."""
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
    """Processes; 0 takes all cores, with a generator or --gpus all GPUs, with Ray all there is room for."""
    service: Annotated[witness.Service, tyro.conf.arg(name="")] = field(default_factory=witness.Service)
    """The model that --checks vlm asks."""
    engines: Annotated[Engines, tyro.conf.arg(name="")] = field(default_factory=Engines)
    """Generators that repaint parts of photos; none where no model is given."""
    gpus: float = 0.0
    """GPUs a worker, for what uses one: 1, or with Ray a part of one; 0 for none."""


def run(config: Config) -> Path:
    """Build the dataset and return its folder.

    Raises:
        UserError: no photos or none that gives a pair, no such degradation, a folder made with other
            settings, a detector that is not installed or lacks its files.
    """
    from asap.pairs import making

    rules = _rules(config)
    exclude = (*config.exclude, *_inside(config.out, config.photos))
    columns = Columns(config.image_column, config.caption_column)
    photos, skipped = find_photos(config.photos, exclude, columns=columns, split=config.split)
    unknown = detectors.unknown_photos(rules.detector, photos)
    if unknown:
        told = ", ".join(photo.source for photo in unknown[:3])
        print(f"no keypoints for {len(unknown)} of {len(photos)} photos, such as {told}")
    weights = [file_id(Path(path)) for path in rules.lpips]
    with exclusive(config.out):
        identity = {**rules._asdict(), "gates": rules.gates._asdict(), "target": rules.target._asdict()}
        identity |= {"lpips": weights, "detector": detectors.identity(rules.detector)}
        del identity["engines"], identity["witness"]
        if rules.engines:
            identity["engines"] = rules.engines.identity()
        if rules.witness:
            identity["witness"] = rules.witness.service.identity()
        open_run(config.out, "build", identity, {"command": command.spell(config, "build", "photos")})
        making.make(config, rules, exclude, photos, skipped)
    return config.out


def _rules(config: Config) -> Rules:
    table = entries(config.engines)
    names = [name.strip() for name in config.degradations.split(",") if name.strip()] or list(table)
    for name in names:
        choose({name: entry.function for name, entry in table.items()}, name, "degradation")
    if config.size < 64:
        raise UserError(f"--size {config.size} is too small to show an error; take 256 or more")
    _check_places(config)
    for name, most in (("per-region", config.per_region), ("per-photo", config.per_photo)):
        if most < 1:
            raise UserError(f"--{name} {most} asks for no pairs; take 1 or more")
    if config.tries < 1:
        raise UserError(f"--tries {config.tries} asks for no edit; take 1 or more")
    return Rules(
        size=config.size,
        degradations=tuple(dict.fromkeys(names)),
        per_region=config.per_region,
        per_photo=config.per_photo,
        seed=config.seed,
        gates=_gates(config),
        lpips=_weights(config.lpips),
        detector=detectors.prepare(
            Choice(config.detector, config.detector_files, config.detector_device, config.detector_points)
        ),
        engines=resolved(config.engines),
        target=_target(config),
        tries=config.tries,
        checks=config.checks,
        witness=witness.prepared(config.service, config.checks, config.out),
    )


def _gates(config: Config) -> Gates:
    gates = Gates(config.ssim_inside, config.ssim_outside, config.lpips_inside, config.lpips_outside)
    for name in NUMBERS:
        bound = getattr(gates, name)
        if not 0 <= bound <= 1:
            raise UserError(f"--{name.replace('_', '-')} {bound} does not lie between 0 and 1")
    return gates


def _target(config: Config) -> Target:
    if not all(0 <= value <= 1 for value in config.target):
        raise UserError(f"--target {_spaced(config.target)}: give four numbers between 0 and 1")
    if not min(config.bands) > 0:
        raise UserError(f"--bands {_spaced(config.bands)}: give four numbers above 0")
    return Target(*config.target, bands=config.bands)


def _spaced(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


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
    if here is not None:
        folder.refuse_made(here)


def _weights(paths: Sequence[Path]) -> tuple[str, ...]:
    if not paths:
        return ()
    from asap.pairs.checks import lpips  # torch, which is not needed otherwise

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


def main(argv: Sequence[str]) -> None:
    """`asap build`."""
    run(command.parse(Config, argv, "build"))
