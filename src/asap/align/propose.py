"""`asap propose`: settings for `asap train`, measured on the very model and pairs; see `measure`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asap import command, store
from asap.align import checks, train
from asap.align.carried import foreign
from asap.align.filled import explained
from asap.align.names import UNPAIRED
from asap.errors import UserError

CALIBRATION, SETTINGS = "calibration.json", "run.yaml"
UNSCALED = (*UNPAIRED, "mapo")


@dataclass(frozen=True)
class Config(train.Config):
    """Measure a model on preference pairs, and propose margin or temperature and learning rate for them. What
    you give is kept; the other settings are those of `asap train`, and all of them go into run.yaml:

    asap train --config OUT/run.yaml --out RUN

    Margin and temperature come from forward passes, the rate from a few steps of training that are forgotten
    (docs/calibration.md says how, and how far to trust it)."""

    out: Path
    """Folder for `run.yaml`, `calibration.json`, and the latents, which training then takes from there."""
    measured: int = 256
    """Draws of pair, time and noise to measure on."""
    trial: int = 16
    """Steps of a trial of a learning rate, of which there are up to five; 0 leaves the rate to the recipe."""


def run(config: Config, given: Mapping[str, str] | None = None) -> Path:
    """Measure, and return the folder; `given` says where settings that were given stand.

    Raises:
        UserError: settings, data, model or folder that cannot work, or an objective that drives no gap.
    """
    checks.all_of(config)
    checks.tell_idle(config, given)
    if config.objective in UNSCALED:
        raise UserError(f"--objective {config.objective} drives no gap whose scale could be measured")
    if config.measured < 2 or config.trial < 0:
        raise UserError("give --measured 2 or more, and --trial 0 or more")
    from asap.align import measure  # torch, which neither --help nor the checks need

    with store.exclusive(config.out):
        measure.run(config)
    return config.out


def told(found: store.Row) -> str:
    """The record of a calibration in words, for a terminal."""
    columns = ["mean", "deviation", "p10", "p50", "p90", "spread"]
    lines = [f"the untrained model's own gap, L(faulty) - L(good), on {found['measured']} draws:", ""]
    lines.append(f"{'alpha':>10}" + "".join(f"{name:>11}" for name in columns))
    scales = sorted(found["by_alpha"].items(), key=lambda item: float(item[0]))
    for name, scale in [*scales, (found["objective"], found["gap"])]:
        lines.append(f"{name:>10}" + "".join(f"{scale[column]:>11.3g}" for column in columns))
    lines += ["", f"{'':13}{'proposed':>11}{'recipe':>11}"]
    for name, one in sorted(found["proposed"].items(), reverse=True):
        lines.append(f"{name:13}{one['value']:>11.3g}{one['recipe']:>11.3g}  {one['why']}")
    return "\n".join([*lines, "", *found["notes"]])


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    out = run(*command.read(Config, argv, "propose", explained, foreign))
    print(told(json.loads((out / CALIBRATION).read_text(encoding="utf-8"))))
    print(f"\nasap train --config {out / SETTINGS} --out RUN")
