"""`asap demo`: the whole loop on the embedded model, from figures to a report, without downloads."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image as Pillow

from asap import command, store
from asap.align import train
from asap.bench import generate, judge, report, results
from asap.bench.page import Section
from asap.bench.page.pictures import Cell, GalleryRow, thumbnail
from asap.bench.report import by_steps
from asap.errors import UserError
from asap.figures.parts import part_mask
from asap.pairs import figures
from asap.pairs.hap import dataset

# Each takes its own settings of `align.recipes`: the best of four on other prompts (docs/laboratory.md).
METHODS = ("sft", "dpo", "asap")
SECOND = "network"
"""The other judge, which sees the last images, too."""
STOPS = (10, 30)
"""Steps at which each method is judged, besides the last."""
# prompts are drawn from a seed of their own, so that none was used to choose the settings
PROMPT_SEED = 2026


@dataclass(frozen=True)
class Config:
    """Run every stage on the embedded model: pairs of figures in a photographic look, alignment by SFT, DPO
    and ASAP, images of fresh prompts, judgements, a report. The same command again resumes."""

    out: Path
    """Folder for everything; `report.html` and `summary.json` are the result."""
    pairs: int = 2000
    """Preference pairs to train on."""
    prompts: int = 300
    """Fresh prompts that every model draws once, from the same noise."""
    steps: int = 100
    """Optimiser steps of each objective."""
    look: float = 1.0
    """Dose of the photographic look of the pairs, in [0, 1]; the prompts stay in the model's own look."""
    model: str = "mini-hand"
    """Another folder made by `asap pretrain`, to start from."""
    seed: int = 0
    """Decides pairs and training."""


def run(config: Config) -> Path:
    """Run what is missing of the demonstration; returns the folder.

    Raises:
        UserError: settings that cannot be, or a folder made with others.
    """
    if min(config.pairs, config.prompts, config.steps) < 1:
        raise UserError("--pairs, --prompts and --steps must be at least 1")
    out = config.out
    with store.exclusive(out):
        store.open_run(out, "demo", {k: v for k, v in asdict(config).items() if k != "out"})
        steps = Steps(out, 3 + len(METHODS))
        _stages(config, steps)
        _summarize(out, steps.seconds)
    return out


class Steps:
    """Announces the steps of the demonstration, and adds up the time they took in all processes.

    Attributes:
        seconds: of the steps finished so far, in this process and in those before it. What a killed process
            had done of its last step is not counted, nor are finished steps that are only looked at again.
    """

    def __init__(self, out: Path, total: int) -> None:
        self._log, self._total, self._number = out / "steps.jsonl", total, 0

    @property
    def seconds(self) -> float:
        return sum(float(row["seconds"]) for row in store.read_rows(self._log))

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Inside, the next step is done."""
        self._number += 1
        print(f"{self._number}/{self._total}  {text}", flush=True)
        started = time.monotonic()
        yield
        if all(row["step"] != text for row in store.read_rows(self._log)):
            store.append_rows(self._log, [{"step": text, "seconds": time.monotonic() - started}])


def _stages(config: Config, steps: Steps) -> None:
    with steps.step("pairs of figures, one of each with a known error"):
        pairs, fresh = figures.run(_pairs(config)), figures.run(_fresh(config))
    with steps.step("images and judgements of the base"):
        judged = {("base", 0): _judged(config, "base", 0, fresh)}
    for method in METHODS:
        with steps.step(f"alignment by {method}, judged at {', '.join(map(str, _stops(config)))} steps"):
            for stop in _stops(config):
                judged[method, stop] = _aligned(config, method, stop, pairs, fresh)
    with steps.step("another judge, and the report"):
        _report(config, judged)


def _stops(config: Config) -> list[int]:
    return [*(stop for stop in STOPS if stop < config.steps), config.steps]


def _aligned(config: Config, method: str, stop: int, pairs: Path, fresh: Path) -> Path:
    """Train to `stop` steps and judge, unless that is done: the run may have gone on since."""
    folder = _judgements(config, method, stop)
    if not (folder / judge.JUDGEMENTS).exists() or len(judge.read(folder)) < config.prompts:
        _train(config, method, stop, pairs)
        _judged(config, method, stop, fresh)
    return folder


def _judgements(config: Config, method: str, stop: int) -> Path:
    name = method if stop in (0, config.steps) else f"{method}-at-{stop}"
    return config.out / "judgements" / name


def _pairs(config: Config) -> figures.Config:
    return figures.Config(
        config.out / "pairs", pairs=config.pairs, seed=config.seed, look=config.look, biased=True
    )


def _fresh(config: Config) -> figures.Config:
    return figures.Config(config.out / "fresh", pairs=1, seed=PROMPT_SEED, prompts=config.prompts)


def _train(config: Config, method: str, stop: int, pairs: Path) -> None:
    train.run(
        train.Config(
            model=config.model,
            data=str(pairs),
            out=config.out / "runs" / method,
            objective=method,  # type: ignore[arg-type]
            steps=stop,
            seed=config.seed,
            tracker="none",
        )
    )


def _judged(config: Config, method: str, stop: int, fresh: Path) -> Path:
    """Draw the prompts with `method` as it is now and judge them; returns the folder of judgements."""
    lora = None if method == "base" else config.out / "runs" / method
    folder = _judgements(config, method, stop)
    images = config.out / "images" / folder.name
    prompts = fresh / figures.PROMPTS
    generate.run(generate.Config(prompts, images, config.model, lora, batch=50))
    return judge.run(judge.Config(images, folder))


def _judged_again(config: Config, folder: Path) -> str:
    """The same images by the other judge, as the report takes them."""
    images = config.out / "images" / folder.name
    out = judge.run(judge.Config(images, config.out / SECOND / folder.name, judge=SECOND))
    return f"{folder.name}={out}"


def _report(config: Config, judged: Mapping[tuple[str, int], Path]) -> None:
    final = [folder for (_, stop), folder in judged.items() if stop in (0, config.steps)]
    settings = report.Config(
        judgements=tuple(f"{folder.name}={folder}" for folder in final),
        second=tuple(_judged_again(config, folder) for folder in final),
        out=config.out,
        title="ASAP on the embedded model",
        runs=tuple(f"{method}={config.out / 'runs' / method}" for method in METHODS),
    )
    made = [command.spell(stage, "figures") for stage in (_pairs(config), _fresh(config))]
    report.run(settings, [_by_steps(judged), _examples(config.out / "pairs", config.look)], made)


def _by_steps(judged: Mapping[tuple[str, int], Path]) -> Section:
    read = {key: results.read(f"{key[0]}={folder}") for key, folder in judged.items()}
    stops: dict[str, dict[int, results.Method]] = {name: {} for name in METHODS}
    for (name, stop), method in read.items():
        if stop:
            stops[name][stop] = method
    return by_steps.section(read["base", 0], stops, part_mask)


def _examples(pairs: Path, look: float) -> Section:
    """The first pair of each kind of error in the dataset, with its mask."""
    first: dict[str, store.Row] = {}
    for row in dataset.read(pairs):
        first.setdefault(row["error"], row)
    text = (
        "What the models were aligned on: the first pair of each error. Outside the mask no pixel differs. "
        "Each objective had four settings to choose from by its error rate on other prompts. This page shows "
        "one training seed; others move a rate by some points. Over five of them, on other prompts, ASAP and "
        "DPO make about as few errors after 100 steps (docs/laboratory.md)."
    )
    if look:
        text += (
            " SFT imitates all of the good pictures, their photographic look too, which the prompts do not "
            "ask for; objectives on pairs cancel what both pictures share."
        )
    rows = [GalleryRow(row["prompt"], _cells(row)) for _, row in sorted(first.items())]
    return Section("Training pairs", text, gallery=rows)


def _cells(row: store.Row) -> list[Cell]:
    shown = {
        "chosen": ("correct", "correct"),
        "rejected": ("error", row["error"]),
        "mask": ("", "where they differ"),
    }
    cells = []
    for name, (verdict, text) in shown.items():
        with Pillow.open(io.BytesIO(row[name]["bytes"])) as picture:
            cells.append(Cell(name, thumbnail(picture), verdict, text))
    return cells


def _summarize(out: Path, seconds: float) -> None:
    """Write `summary.json`: error rate, interval and drift of every method; null is what was not measured."""
    models = json.loads((out / "report.json").read_text(encoding="utf-8"))["models"]
    methods = {
        model["name"]: {
            "aer": model["aer"],
            "aer_ci": model["aer_interval"],
            "n": model["scored"],
            "drift": model.get("drift", {}).get("mean"),
            "broken": model.get("against_base", {}).get("broken"),
        }
        for model in models
    }
    methods["base"] |= {"drift": 0.0, "broken": 0.0}  # it does not differ from itself
    summary = {"methods": methods, "seconds": round(seconds, 1)}
    store.write_atomic(out / "summary.json", store.to_json(summary, indent=2) + "\n")
    for name, row in methods.items():
        low, high = row["aer_ci"]
        drift = "not measured" if row["drift"] is None else f"{row['drift']:.4f}"
        print(f"{name:5} AER {row['aer']:.3f} [{low:.3f}, {high:.3f}]  drift {drift}")


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    out = run(command.parse(Config, argv, "demo"))
    print(f"report: {out / 'report.html'}")
