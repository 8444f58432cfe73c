"""A run's folder: what decides the run, what is kept of it, and when other settings may have it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asap import __version__, command, store
from asap.align import dataset, filled
from asap.errors import UserError

if TYPE_CHECKING:
    from asap.align.train import Config

STAGE = "train"
# settings that may change between the parts of one run: they do not decide what a step computes
# (how many pairs a step has does, and is told as one number)
FREE = {
    *("out", "cache", "steps", "checkpoint_every", "tracker", "on_trouble", "overlays"),
    *("validate_every", "validation_prompts", "validation_seeds", "validation_steps"),
    *("recipe", "calibration"),
    *("batch_size", "accumulate", "gradient_checkpointing", "backward"),
    *("offload", "compile"),
}
OF_STEPS = ("checkpoint.safetensors", "good.safetensors", "log.jsonl", "pytorch_lora_weights.safetensors")
BEFORE_STEPS = ("overlays.html", "samples.jpg", "validation")
LATENTS = "latents"


def check(config: Config) -> None:
    """Compare what `config` does not leave open with the run in its folder, before anything is loaded.

    Raises:
        UserError: they differ, and steps were done with the other settings.
    """
    if (config.out / "config.json").is_file() and not untouched(config.out):
        found = store.read_config(config.out)
        before = found.get("identity", {})
        known = {name: value for name, value in asdict(config).items() if name in before and name not in FREE}
        known.pop("draws", None)
        given = {name: value for name, value in known.items() if value is not None}
        store.check_same(config.out, STAGE, {**before, **given})


def untouched(out: Path) -> bool:
    """Whether `out` is the folder of a run that has kept no step, as one that was refused or killed early."""
    if any((out / name).exists() for name in OF_STEPS) or not (out / "config.json").is_file():
        return False
    return store.read_config(out).get("stage") == STAGE


def identity(config: Config, pairs_per_step: int, weights: str) -> store.Row:
    """What decides the run: its settings, complete, and ids of its pairs and of the base's `weights`."""
    found = {name: value for name, value in asdict(config).items() if name not in FREE}
    found["pairs_per_step"] = pairs_per_step
    found["draws"] = config.draws if config.reference == "cached" else None
    return found | {"pairs": dataset.identity(config.data), "weights": weights}


def record(config: Config, family: str, given: Mapping[str, str] | None) -> store.Row:
    """What is kept of a run besides: its command, and where its settings come from."""
    measured = _calibration(config.calibration) if config.calibration else {}
    found: store.Row = {
        "command": command.spell(config, STAGE),
        "before": store.commands_of(Path(config.data)),
        "origins": filled.of_run(config, family, given, measured),
    }
    return found | ({"calibration": measured} if measured else {})


def _calibration(path: Path) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in ("gap", "measured", "notes", "origins", "proposed", *found)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--calibration {path}: not what `asap propose` writes ({error})") from None


def open_for(out: Path, wanted: store.Row, kept: store.Row, latents: store.Row) -> None:
    """`store.open_run`, but that the folder of another run that has kept no step is taken over; its cached
    latents stay if they are those of identity `latents`. `kept` is the `record`.

    Raises:
        UserError: the folder is of another run, and steps were done.
    """
    wanted = json.loads(store.to_json(wanted))
    if untouched(out) and store.read_config(out).get("identity") != wanted:
        for name in BEFORE_STEPS:
            _remove(out / name)
        told = _cleared(out / LATENTS, latents)
        print(f"asap: {out} held no steps yet, and is taken for these settings{told}", file=sys.stderr)
        store.write_config(out, {"stage": STAGE, "version": __version__, "identity": wanted, **kept})
    store.open_run(out, STAGE, wanted, kept)


def _cleared(cache: Path, wanted: store.Row) -> str:
    """Remove the run's own `cache` if it is not the `wanted` one; what to say of it."""
    if not (cache / "config.json").is_file():
        return ""
    if store.read_config(cache).get("identity") == json.loads(store.to_json(wanted)):
        return "; its latents are kept"
    _remove(cache)
    return "; its latents are made anew"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def note(out: Path, spelled: str, start: int) -> None:
    """Keep the command by which the run goes on after `start` steps, where it is another than the last."""
    made = store.read_config(out)
    before = [made["command"], *made.get("continued", ())] if start and made.get("command") else []
    if before[-1:] != [spelled]:
        commands = [*before, spelled]
        store.write_config(out, {**made, "command": commands[0], "continued": commands[1:]})
