"""`asap figures`: preference pairs of procedural figures, whose truth is exact, as a HAP dataset."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from asap import command, progress, store
from asap.errors import UserError
from asap.figures import scenes as hand_scenes
from asap.figures.people import scenes as people_scenes
from asap.figures.people import world
from asap.pairs.drawn import hand_figures, mini_people, people_figures
from asap.pairs.hap import dataset
from asap.pool import in_processes
from asap.records import Pair

PROMPTS = "prompts.jsonl"
WORK = ".work"
Part = Literal["hand", "face", "body"]
LARGEST = 1024
SIZES = {
    "hands": (hand_figures.SMALLEST_SIZE, hand_figures.SIZE),
    "people": (people_figures.SMALLEST_SIZE, people_figures.SIZE),
    "mini-people": (mini_people.SMALLEST_SIZE, mini_people.SIZE),
}
"""Kind -> the least and the usual pixels a side."""
CHUNKS = {"hands": hand_figures.CHUNK, "people": 16, "mini-people": 64}
"""Kind -> pairs drawn together; a few seconds' work, or several."""
PROMPT_MAKERS = {"hands": hand_scenes.prompts, "people": people_scenes.prompts, "mini-people": world.prompts}


@dataclass(frozen=True)
class Config:
    """Draw pairs of figures, one correct and one with a known error, and write them as a HAP dataset."""

    out: Path
    """Folder of the dataset."""
    pairs: int = 2000
    """How many pairs."""
    seed: int = 0
    """Decides everything that is drawn; the same seed gives the same bytes."""
    size: int | None = None
    """Pixels a side; 24 for hands, 256 for people (of whom small pictures show few kinds of errors), 64 for
    mini-people."""
    look: float = 0.0
    """Dose in [0, 1] of a photographic look, shared by both of a pair: grading, light, vignette, noise; of
    people also texture, fainter outlines and a background out of focus."""
    biased: bool = False
    """Keep to two skins and two backgrounds, and people to few poses, as a collection of photos might."""
    parts: tuple[Part, ...] = ()
    """Of people: keep to errors of these parts (hand, face, body); all of them when left open."""
    prompts: int = 0
    """Also write that many fresh prompts, unrelated to the pairs, to `prompts.jsonl` in the folder."""
    kind: Literal["hands", "people", "mini-people"] = "hands"
    """Lone hands; whole people; or people of a small world (14 poses, few looks, plain walls, short
    captions), which a small model can learn."""
    workers: int = 1
    """Processes; 0 takes all cores. The pairs are the same with any number of them."""


def run(config: Config) -> Path:
    """Write the dataset (and prompts); returns its folder. Killed and run again, it goes on where it was.

    Raises:
        UserError: settings that cannot be, or a folder made with others.
    """
    spelled, config = command.spell(config, "figures"), _checked(config)
    with store.exclusive(config.out):
        identity = {name: value for name, value in asdict(config).items() if name not in ("out", "workers")}
        store.open_run(config.out, "figures", identity, {"command": spelled})
        _write_prompts(config)
        if not dataset.whole(config.out):
            _write_pairs(config)
    return config.out


def _write_prompts(config: Config) -> None:
    if config.prompts:
        fresh = PROMPT_MAKERS[config.kind](config.prompts, config.seed)
        lines = "".join(store.to_json(prompt) + "\n" for prompt in fresh)
        store.write_atomic(config.out / PROMPTS, lines)


def _write_pairs(config: Config) -> None:
    work = config.out / WORK
    chunks = _chunks(config)
    _draw_chunks(config, [numbers for numbers in chunks if not _file(work, numbers).exists()])
    rows = (row for numbers in chunks for row in dataset.read_shard(_file(work, numbers)))
    look = f"{config.look:g} of the photographic look" if config.look else "the figures' own look"
    what = f"{config.kind} of {_pixels(config)} pixels in {look}"
    parts = f", with errors of {' and '.join(config.parts)} alone" if config.parts else ""
    notes = [f"Drawn by `asap figures` from seed {config.seed}: {what}{parts}."]
    dataset.write(config.out, rows, title="HAP figures", notes=notes)
    shutil.rmtree(work)


def _chunks(config: Config) -> list[range]:
    """The numbers of the pairs, as many at a time as are kept together and lost together by a kill."""
    size = CHUNKS[config.kind]
    return [range(start, min(start + size, config.pairs)) for start in range(0, config.pairs, size)]


def _file(work: Path, numbers: range) -> Path:
    return work / f"{numbers.start:08d}.parquet"


def _draw_chunks(config: Config, todo: Sequence[range]) -> None:
    """Draw the pairs of these numbers, each chunk to a file of its own."""
    (config.out / WORK).mkdir(exist_ok=True)
    workers = min(config.workers or os.cpu_count() or 1, len(todo))
    job = functools.partial(_draw_chunk, config)
    done = map(job, todo) if workers <= 1 else in_processes(job, todo, workers)
    left = sum(map(len, todo))
    with progress.bar(total=config.pairs, initial=config.pairs - left, unit="pair", desc="figures") as bar:
        for count in done:
            bar.update(count)


def _draw_chunk(config: Config, numbers: range) -> int:
    pairs = draw(config, numbers)
    return dataset.write_shard(_file(config.out / WORK, numbers), map(dataset.encode, pairs))


def _checked(config: Config) -> Config:
    """The config with its size spelled out."""
    smallest, _ = SIZES[config.kind]
    size = _pixels(config)
    if config.pairs < 1 or config.prompts < 0:
        raise UserError("--pairs must be at least 1, --prompts at least 0")
    if config.workers < 0:
        raise UserError(f"--workers {config.workers}: give a number of processes, or 0 for all cores")
    if not smallest <= size <= LARGEST:
        raise UserError(f"--size {size}: must lie between {smallest} and {LARGEST} for {config.kind}")
    if not 0 <= config.look <= 1:
        raise UserError(f"--look {config.look}: must lie between 0 and 1")
    if config.kind == "hands" and config.parts:
        raise UserError("--parts: drawn hands have no others than of hands; leave it out")
    if config.kind == "mini-people" and config.biased:
        raise UserError("--biased: the world of mini-people is few kinds already; leave it out")
    return replace(config, size=size)


def _pixels(config: Config) -> int:
    return SIZES[config.kind][1] if config.size is None else config.size


def draw(config: Config, numbers: range | None = None) -> Iterator[Pair]:
    """The pairs of these numbers, all where none are given; number i depends on the seed and i alone."""
    seed, size, look, biased = config.seed, _pixels(config), config.look, config.biased
    numbers, parts = range(config.pairs) if numbers is None else numbers, config.parts or get_args(Part)
    if config.kind == "people":
        return (
            people_figures.pair(seed, number, size, look=look, biased=biased, parts=parts)
            for number in numbers
        )
    if config.kind == "mini-people":
        return (mini_people.pair(seed, number, size, look=look, parts=parts) for number in numbers)
    return hand_figures.pairs(seed, len(numbers), size, look=look, biased=biased, first=numbers.start)


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    folder = run(command.parse(Config, argv, "figures"))
    print(f"{folder}: {sum(1 for _ in dataset.read(folder, ['id']))} pairs")
    print(f"Look at them: {folder / dataset.CONTACT_SHEET}")
