"""The run's card: README.md in the hub's form of a model card, and the curves beside it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from asap import __version__, store
from asap.align import curves
from asap.backbones.load import EMBEDDED
from asap.store import Row

CARD, CURVES, SAMPLES = "README.md", "curves.png", "samples.jpg"
LIBRARIES = ("torch", "diffusers", "peft", "transformers", "accelerate")
LAST = 50  # steps over which the final numbers are averaged
MENTIONED = 12  # warnings
NUMBERS = {
    "loss": "loss",
    "delta_mean": "preference gap",
    "delta_p10": "its 10% quantile over pairs",
    "delta_p90": "its 90% quantile over pairs",
    "winner_rise": "rise of the error on good pictures",
    "loser_rise": "rise of the error on faulty pictures",
    "winner_base": "the untrained model's error on good pictures",
    "grad_norm": "gradient norm",
}
DERIVED = {
    "pairs_per_step": "batch size x accumulate x processes",
    "pairs": "of the dataset's files",
    "weights": "of the base model's files",
}
OBJECTIVES = {
    "asap": "ASAP: localized, margin-bounded preference alignment",
    "dpo": "Diffusion-DPO",
    "sft": "supervised fine-tuning on the good pictures",
}
_HEAD = """# LoRA on {base} against anatomical errors

Trained on {data} with {objective} for {steps} steps by [ASAP](https://arxiv.org/abs/2605.25759), on pairs of
a good picture and the same picture with one anatomical error in a known region. Rank {rank}, alpha {alpha:g}.
"""
_PLAIN = """## Use

```python
import torch
from diffusers import DiffusionPipeline

device = "cuda" if torch.cuda.is_available() else "cpu"
pipeline = DiffusionPipeline.from_pretrained({model}, torch_dtype=torch.bfloat16).to(device)
pipeline.load_lora_weights("path/to/this/folder")
image = pipeline("a photo of a woman waving with both hands").images[0]
```

diffusers says that it finds no keys of text encoders: there are none.

For ComfyUI: `asap export-lora path/to/this/folder --format comfyui --out lora.safetensors`.
"""
_EMBEDDED = """## Use

```console
asap generate --model {model} --lora path/to/this/folder --prompts prompts.txt --out images
```
"""
_TRAINING = """## Training

![loss, preference gap, rises of the error, gradient norm](curves.png)

The preference gap says how far the model has come to prefer the good picture of a pair beyond the untrained
one. A rise of the error on good pictures means that the gap grows by ruining both.
"""
_READ = "\nFiles below `docs/` are those of ASAP's source, and are not installed with it.\n"
_SAMPLES = """## Samples

The same prompts and seeds while the run went on.

![samples by step](samples.jpg)
"""


def write(out: Path, rows: Sequence[Row], tau: float | None) -> None:
    """Write the card of the run in `out` that has logged `rows`, and its curves; `tau` is its margin."""
    if rows:
        store.write_atomic(out / CURVES, curves.draw(rows, tau))
    text = card(store.read_config(out), rows, samples=(out / SAMPLES).exists())
    store.write_atomic(out / CARD, text)


def card(made: Row, rows: Sequence[Row], *, samples: bool = False) -> str:
    """The card of a run that was `made` so and has logged `rows`."""
    identity = made["identity"]
    parts = [
        f"---\n{_front(identity)}---\n",
        _head(identity, rows),
        _use(identity),
        *([_SAMPLES] if samples else []),
        *([_TRAINING, _numbers(rows)] if rows else []),
        *([_warnings(rows)] if any("warning" in row for row in rows) else []),
        "## Settings\n\n" + _table(("setting", "value", "where it comes from"), _settings(made)) + _READ,
        *([_calibration(made["calibration"])] if "calibration" in made else []),
        _versions(made),
    ]
    return "\n".join(parts)


def _front(identity: Mapping[str, Any]) -> str:
    """The YAML block that the hub reads. A licence is for whoever publishes to choose."""
    model, data = identity["model"], identity["data"]
    lines = [
        *([f"base_model: {json.dumps(model)}", "base_model_relation: adapter"] if _on_hub(model) else []),
        *([f"datasets:\n- {json.dumps(data)}"] if _on_hub(data) else []),
        "library_name: diffusers",
        "pipeline_tag: text-to-image",
        "tags:\n- lora\n- text-to-image\n- diffusers\n- asap\n- human-anatomy\n- preference-alignment",
        "# license: yours to choose, within what the base model's allows",
    ]
    return "\n".join(lines) + "\n"


def _on_hub(source: str) -> bool:
    return source.count("/") == 1 and not source.startswith((".", "/")) and not Path(source).exists()


def _short(source: str) -> str:
    """A hub's id as it is, a folder by its last name."""
    return source if _on_hub(source) else Path(source).name


def _head(identity: Mapping[str, Any], rows: Sequence[Row]) -> str:
    objective = identity["objective"]
    return _HEAD.format(
        base=_short(identity["model"]),
        data=_short(identity["data"]),
        objective=OBJECTIVES.get(objective, f"the objective `{objective}`"),
        steps=rows[-1]["step"] + 1 if rows else 0,
        rank=identity["rank"],
        alpha=identity["lora_alpha"],
    )


def _use(identity: Mapping[str, Any]) -> str:
    model = identity["model"]
    averaged = ""
    if identity.get("ema"):
        decay = f"{identity['ema']:g}"
        averaged = f"\nThe weights are a moving average (decay {decay}); the last step's are in `last`.\n"
    if model in EMBEDDED:
        return _EMBEDDED.format(model=model) + averaged
    return _PLAIN.format(model=json.dumps(_short(model))) + averaged


def _numbers(rows: Sequence[Row]) -> str:
    last = rows[-LAST:]
    lines = [
        (words, f"{fmean(row[name] for row in last):.4g}")
        for name, words in NUMBERS.items()
        if all(name in row for row in last)
    ]
    return f"Means of the last {len(last)} steps:\n\n" + _table(("", "mean"), lines)


def _warnings(rows: Sequence[Row]) -> str:
    told = [f"- step {row['step']}: {row['warning']}" for row in rows if "warning" in row]
    more = [f"- and {len(told) - MENTIONED} more, in log.jsonl"] if len(told) > MENTIONED else []
    return "## Warnings\n\n" + "\n".join(told[:MENTIONED] + more) + "\n"


def _settings(made: Row) -> list[tuple[str, str, str]]:
    identity, origins = made["identity"], _origins(made)
    shown = dict(identity) | {name: _short(str(identity[name])) for name in ("model", "data")}
    names = {"pairs": "data hash", "weights": "base weights' hash"}
    origins = DERIVED | origins
    return [
        (
            names.get(name, name.replace("_", " ")),
            f"{value:g}" if isinstance(value, float) else str(value),
            origins.get(name, ""),
        )
        for name, value in shown.items()
        if value is not None
    ]


def _origins(made: Row) -> dict[str, str]:
    """Where settings come from, as the run's record has it; what an earlier record lacks follows from what
    was measured before, as long as it was kept to."""
    measured, known = made.get("calibration", {}), made.get("origins", {})
    kept: dict[str, str] = {
        name: f"measured: {one['why']}"
        for name, one in measured.get("proposed", {}).items()
        if made["identity"].get(name) == one["value"]
        and measured.get("objective", made["identity"]["objective"]) == made["identity"]["objective"]
    }
    return {**measured.get("origins", {}), **kept, **known}


def _calibration(measured: Row) -> str:
    told = [
        f"Measured by `asap propose` beforehand, on {measured['measured']} draws of pair, time and noise: "
        f"the untrained model's own gap has a spread of {measured['gap']['spread']:.3g}.",
        *measured["notes"],
    ]
    return "## Calibration\n\n" + "\n- ".join([told[0] + "\n", *told[1:]]) + "\n"


def _versions(made: Row) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Made with asap {__version__}, Python {platform.python_version()}, {libraries}, by\n\n"
        "```console\n" + "\n".join(store.commands_in(made)) + "\n```\n"
    )


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cells = [" | ".join(cell.replace("|", chr(92) + "|") for cell in line) for line in lines]
    rule = "|" + "---|" * len(heads)
    return "\n".join([f"| {' | '.join(heads)} |", rule, *(f"| {line} |" for line in cells)]) + "\n"
