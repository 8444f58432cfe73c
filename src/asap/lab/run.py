"""`asap lab`: objectives x settings x seeds x steps through the public stages, on both cores, resumable."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from asap import command, pool, progress, store
from asap.errors import UserError
from asap.lab import plan
from asap.lab.plan import Budget, Chosen, Trial

RESULTS = "results.jsonl"
ALPHAS = (0.0, 3.0, 10.0, 30.0)
Study = Literal["all", "choice", "main", "pairs", "dose", "margin", "parts"]


@dataclass(frozen=True)
class Config(command.Settings):
    """Compare all objectives on an embedded model under equal conditions. The same command again continues.

    Settings are chosen for each objective from equally many on prompts of their own (choice); the chosen ones
    are then trained with new seeds and judged on fresh prompts (main), with fewer pairs (pairs), with less of
    the photographic look (dose), asap with several margins (margin), and on people with pairs of one part
    alone (parts)."""

    out: Path
    """Folder for everything; `laboratory.md` and `results.jsonl` are the result."""
    study: Study = "all"
    """One study alone; what it needs of the others is done as well."""
    world: Literal["hands", "people"] = "hands"
    """Lone hands of 24 pixels, or whole people and close-ups of 64."""
    objectives: tuple[str, ...] = ()
    """What to compare; all that the world has settings for when left open."""
    judges: tuple[str, ...] = ()
    """Who judges; settings are chosen by the mean of their error rates. When left open, `network` and
    `figures`, or on people `network-people` and `figures-people`."""
    model: str = ""
    """The model to align: a folder made by `asap pretrain`; the embedded one when left open."""
    seeds: int = 5
    """Training seeds."""
    steps: int = 300
    """Optimiser steps; it is judged at 10, 30, 100 and 300, as far as they go."""
    pairs: int = 2000
    """Preference pairs."""
    prompts: int = 300
    """Fresh prompts, each drawn once by every model from the same noise."""
    validation: int = 200
    """Other prompts, on which settings are chosen."""
    workers: int = 0
    """Processes, each with one thread; 0 takes one for each core."""


def run(config: Config) -> Path:
    """Do what is missing, and write `laboratory.md`; returns the folder.

    Raises:
        UserError: settings that cannot be, or a folder made with others.
    """
    config = _checked(config)
    free = {"out", "study", "workers", "objectives", "seeds", "judges"}  # more of them only adds trials
    identity = {name: value for name, value in asdict(config).items() if name not in free}
    with store.exclusive(config.out):
        store.open_run(config.out, "lab", identity, {"command": command.spell(config, "lab")})
        Laboratory(config).work()
    return config.out


def _checked(config: Config) -> Config:
    """`config` with what it leaves open taken from its world."""
    from asap.lab.worlds import WORLDS

    for name in ("seeds", "steps", "pairs", "prompts", "validation"):
        if getattr(config, name) < 1:
            raise UserError(f"--{name} {getattr(config, name)}: must be at least 1")
    world = WORLDS[config.world]
    unknown = [name for name in config.objectives if name not in world.search]
    if unknown:
        raise UserError(
            f"--objectives {' '.join(unknown)}: for {config.world} there are {', '.join(world.search)}"
        )
    return replace(
        config,
        objectives=config.objectives or tuple(world.search),
        judges=config.judges or world.judges,
        model=config.model or world.model,
    )


class Laboratory:
    """The studies in their order, each over the results of those before it."""

    def __init__(self, config: Config) -> None:
        from asap.lab.worlds import WORLDS

        self.config = config
        self.world = WORLDS[config.world]
        search = self.world.search
        self.budget = Budget(config.objectives, config.seeds, config.steps, config.pairs, search)

    def work(self) -> None:
        """All trials of the studies asked for."""
        from asap.lab.trial import PROMPT_SEEDS, base_row, prepare_prompts

        for name in PROMPT_SEEDS:
            prepare_prompts(self._place, name)
        bases = [base_row(self._place, name) for name in PROMPT_SEEDS]
        store.write_atomic(self.config.out / "base.jsonl", "".join(store.to_json(r) + "\n" for r in bases))
        chosen = self._chosen("choice", plan.choice(self.budget))
        for name, trials in self._studies(chosen).items():
            if self.config.study in ("all", name):
                self._done(name, trials())
        self._record()

    def _record(self) -> None:
        from asap.bench.calibration.record import calibration_of
        from asap.bench.judge import JUDGES
        from asap.lab import record
        from asap.lookup import choose

        judges = [choose(JUDGES, name, "judge")() for name in self.config.judges]
        known = [calibration_of(judge.name, judge.settings) for judge in judges]
        record.write(self.config.out, record.read(self.config.out, self.config.judges, self._rows(), known))

    def _studies(self, chosen: Chosen) -> Mapping[str, Callable[[], list[Trial]]]:
        return {
            "main": partial(plan.main, self.budget, chosen),
            "pairs": partial(plan.sizes, self.budget, chosen),
            "dose": partial(self._doses, chosen),
            "margin": self._margins,
            "parts": partial(plan.parts, self.budget, chosen, self.world.parts),
        }

    def _doses(self, chosen: Chosen) -> list[Trial]:
        own = self._chosen("choice in the own look", plan.choice(self.budget, look=0.0))
        return plan.doses(self.budget, chosen, own)

    def _margins(self) -> list[Trial]:
        from asap.align.spread import spread
        from asap.lab.trial import prepare_pairs

        data = str(prepare_pairs(self._place, self.budget.data))
        found = spread(self.config.model, data, self.config.out / "spread", ALPHAS)
        store.write_atomic(self.config.out / "spread.json", store.to_json(found, indent=1) + "\n")
        return plan.margins(self.budget, found)

    @property
    def _place(self) -> Any:
        from asap.lab.trial import Place

        config = self.config
        sizes = {"fresh": config.prompts, "validation": config.validation}
        return Place(config.out, config.world, config.model, config.judges, sizes)

    def _rows(self) -> list[store.Row]:
        """All results; of several on one trial and stop the last holds, which has more judges."""
        rows = store.read_rows(self.config.out / RESULTS)
        return list({(row["study"], row["trial"], row["step"]): row for row in rows}.values())

    def _done(self, name: str, trials: Sequence[Trial]) -> list[store.Row]:
        """The rows of `trials`, those that are missing made first."""
        from asap.lab import trial as single

        judged = set(self.config.judges)
        known = {(r["study"], r["trial"]) for r in self._rows() if judged <= r["verdicts"].keys()}
        todo = [t for t in trials if (t.study, t.id) not in known]
        if not trials:
            print(f"{name}: nothing to try within these settings (see `asap lab --help`)")
        # here, since several processes would want to draw them at once
        for data in dict.fromkeys(t.data for t in todo):
            single.prepare_pairs(self._place, data)
        workers = self.config.workers or os.cpu_count() or 1
        found = pool.in_processes(partial(single.run, self._place), todo, workers)
        for rows in progress.bar(found, total=len(todo), desc=name, unit="trial", disable=False):
            store.append_rows(self.config.out / RESULTS, rows)
        wanted = {(t.study, t.id) for t in trials}
        return [row for row in self._rows() if (row["study"], row["trial"]) in wanted]

    def _chosen(self, name: str, trials: Sequence[Trial]) -> Chosen:
        """The best setting of each objective, and its best stop."""
        from asap.lab.results import best

        return best(self._done(name, trials), name)


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    print(f"laboratory: {run(command.parse(Config, argv, 'lab')) / 'laboratory.md'}")
