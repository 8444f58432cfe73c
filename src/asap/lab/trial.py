"""One trial through the public stages: train to each stop, draw the prompts, judge, measure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap import store
from asap.align import train
from asap.bench import generate, judge, results
from asap.bench.drift import mean_drift
from asap.bench.kinds import error_kinds
from asap.bench.samples import read_image
from asap.lab import measures
from asap.lab.plan import Data, Trial
from asap.lab.worlds import WORLDS, World
from asap.pairs import figures

PROMPT_SEEDS = {"validation": 7, "fresh": 2027}
"""Of the sets of prompts: those on which settings are chosen, and those that chose nothing."""
OUTCOMES = {"correct": "0", "error": "1", "unscored": "?"}


@dataclass(frozen=True)
class Place:
    """Where the laboratory works, and with what: its folder, the name of its world, model, judges, and the
    number of prompts in each set."""

    out: Path
    world_name: str
    model: str
    judges: tuple[str, ...]
    prompts: Mapping[str, int]

    @property
    def world(self) -> World:
        return WORLDS[self.world_name]

    def prompt_file(self, name: str) -> Path:
        """The prompts of the set `name`."""
        return self.out / "prompts" / name / figures.PROMPTS

    def pairs(self, data: Data) -> Path:
        """The dataset of `data`."""
        return self.out / "pairs" / data.name

    def base(self, prompts: str) -> Path:
        """The untrained model's images and judgements of a set of prompts."""
        return self.out / "base" / prompts


def prepare_prompts(place: Place, name: str) -> None:
    """Write a set of prompts, and draw and judge the untrained model's images of it, as far as is missing."""
    folder = place.prompt_file(name).parent
    count, kind = place.prompts[name], place.world.kind
    figures.run(figures.Config(folder, pairs=1, seed=PROMPT_SEEDS[name], prompts=count, kind=kind))
    draw(place, name, place.base(name), None)
    judge_all(place, place.base(name))


def prepare_pairs(place: Place, data: Data) -> Path:
    """Draw the dataset of `data` where it is missing; returns its folder."""
    world, part = place.world, (data.part,) if data.part else ()
    return figures.run(
        figures.Config(
            place.pairs(data),
            pairs=data.pairs,
            look=data.look,
            biased=world.biased,
            kind=world.kind,
            parts=part,  # type: ignore[arg-type]
        )
    )


def run(place: Place, trial: Trial) -> list[store.Row]:
    """Train and judge `trial`, as far as that is not done; a row of results for each of its stops."""
    folder = place.out / "trials" / trial.id
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        found = [_at(place, trial, folder, stop) for stop in trial.stops]
    shutil.rmtree(folder / "run" / "latents", ignore_errors=True)  # 30 MB a trial; made again if need be
    return [{"trial": trial.id, **_described(trial), **row} for row in found]


def _at(place: Place, trial: Trial, folder: Path, stop: int) -> store.Row:
    """The numbers of a trial at one of its stops."""
    known, images = folder / f"result-{stop}.json", folder / f"step-{stop}"
    row: store.Row = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    if set(place.judges) <= row.get("verdicts", {}).keys():
        return row
    if not row:
        _train(place, trial, folder / "run", stop)
        row = {"step": stop, **_training(folder / "run", stop)}
        draw(place, trial.prompts, images, folder / "run")
    judge_all(place, images)
    row |= score(place, trial.prompts, images)
    store.write_atomic(known, store.to_json(row))
    return row


def _described(trial: Trial) -> store.Row:
    return {
        "study": trial.study,
        "objective": trial.objective,
        "settings": trial.settings,
        "seed": trial.seed,
        "data": trial.data,
        "prompts": trial.prompts,
    }


def _train(place: Place, trial: Trial, out: Path, steps: int) -> None:
    settings = trial.settings
    train.run(
        train.Config(
            model=place.model,
            data=str(place.pairs(trial.data)),
            out=out,
            objective=trial.objective,  # type: ignore[arg-type]
            steps=steps,
            seed=trial.seed,
            learning_rate=settings.learning_rate,
            alpha=settings.alpha,
            tau=settings.tau,
            beta=settings.beta,
            tracker="none",
            on_trouble="warn",  # what an objective does when left alone is what is measured
            overlays=0,
        )
    )


def draw(place: Place, prompts: str, folder: Path, lora: Path | None) -> None:
    """Draw a set of prompts into `folder`/images."""
    texts, images = place.prompt_file(prompts), folder / "images"
    generate.run(generate.Config(texts, images, place.model, lora, batch=50, device="cpu"))


def judge_all(place: Place, folder: Path) -> None:
    """Judge `folder`/images by every judge, as far as that is not done."""
    for name in place.judges:
        judge.run(judge.Config(folder / "images", folder / name, judge=name))


def score(place: Place, prompts: str, folder: Path) -> store.Row:
    """The numbers of a folder of images against the base's on the same prompts and noise.

    For each judge its verdicts, image by image, as a text of 0 (correct), 1 (error) and ? (unscored), and how
    often it named each error; further the drift outside the part, the leak of the style, and the Frechet
    distance.
    """
    base = place.base(prompts)
    first, own = (results.read(str(where / place.judges[0])) for where in (base, folder))
    before, after = (pictures(method) for method in (first, own))
    drift = mean_drift(first, own, place.world.part_mask)
    return {
        "verdicts": {name: verdicts(folder / name) for name in place.judges},
        "kinds": {name: error_kinds(results.read(str(folder / name))) for name in place.judges},
        "drift": drift.mean if drift else None,
        "leak": measures.leak(before, after, facts_of(own), place.world_name),
        "frechet": measures.frechet(after, place.world_name),
    }


def verdicts(folder: Path) -> str:
    """One character for each image, in the order of the images' metadata."""
    method = results.read(str(folder))
    return "".join(OUTCOMES[judgement.verdict] for judgement in method.judgements.values())


def pictures(method: results.Method) -> NDArray[np.uint8]:
    """(N, S, S, 3), in the order of the images' metadata."""
    folder = method.images or Path()
    found = [read_image(folder / sample.file_name) for sample in method.samples.values()]
    return np.stack([image for image in found if image is not None])


def facts_of(method: results.Method) -> list[Mapping[str, Any]]:
    """The facts of each image's prompt, in the order of the images' metadata."""
    return [sample.facts for sample in method.samples.values()]


def _training(run: Path, stop: int) -> store.Row:
    """Means over the last ten steps of the training's log."""
    rows = [row for row in store.read_rows(run / "log.jsonl") if stop - 10 <= row["step"] < stop]
    names = ("loss", "delta_mean", "winner_rise", "loser_rise")
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def base_row(place: Place, prompts: str) -> store.Row:
    """The row of the untrained model, with what each of its images ought to show."""
    folder, world = place.base(prompts), place.world
    facts = facts_of(results.read(str(folder / place.judges[0])))
    row = {"objective": "base", "prompts": prompts, "step": 0, **score(place, prompts, folder)}
    return {**row, "subjects": [world.subject(fact) for fact in facts]}
