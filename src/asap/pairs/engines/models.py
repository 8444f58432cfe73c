"""From a model's folder or hub id to what paints with it: families, checks, one load per process."""

from __future__ import annotations

import functools
import json
import multiprocessing
import re
from pathlib import Path
from typing import Any

import torch

from asap import store
from asap.backbones import hub
from asap.errors import UserError
from asap.lookup import choose
from asap.pairs.engines.painter import ControlNet, Painter
from asap.pairs.engines.settings import Engines

INPAINT = {
    "FluxFillPipeline": "asap.pairs.engines.flux_fill:FluxFill",
    "Flux2KleinPipeline": "asap.pairs.engines.klein:KleinInpaint",
    "Flux2KleinInpaintPipeline": "asap.pairs.engines.klein:KleinInpaint",
    "StableDiffusionXLPipeline": "asap.pairs.engines.sdxl:SDXLInpaint",
    "StableDiffusionXLInpaintPipeline": "asap.pairs.engines.sdxl:SDXLInpaint",
}
POSE_CONTROL = {
    "FluxPipeline": "asap.pairs.engines.flux_pose:FluxPose",
    "StableDiffusionXLPipeline": "asap.pairs.engines.sdxl_pose:SDXLPose",
    "StableDiffusionXLInpaintPipeline": "asap.pairs.engines.sdxl_pose:SDXLPose",
}
FAMILIES = {"inpaint": INPAINT, "pose_control": POSE_CONTROL}
"""Engine -> class of a pipeline, as its model_index.json names it -> what paints with it."""
INDEX, CONFIG = "model_index.json", "config.json"


def check(engines: Engines) -> None:
    """Refuse what cannot run, before any weights are loaded.

    Raises:
        UserError: a model of another family, a ControlNet of another kind, a size that a model cannot
            paint, or --paint-offload without a GPU.
    """
    if engines.paint_offload and engines.paint_device == "cpu":
        raise UserError("--paint-offload moves parts between CPU and GPU; it needs a GPU")
    for kind in FAMILIES:
        source = getattr(engines, kind)
        if not source:
            continue
        painter = _unloaded(kind, engines, device="cpu")
        if engines.paint_size:
            painter.check_size(engines.paint_size, "--paint-size")
        if painter.controlnet_class is not None:
            _check_controlnet(engines.controlnet, painter)


def _check_controlnet(source: str, painter: Painter) -> None:
    path = _located(source, CONFIG)
    found, wanted = _named(path), getattr(painter.controlnet_class, "__name__", "")
    if found != wanted:
        raise UserError(f"--controlnet {source} is a {found}; {painter.source} takes a {wanted}")


@functools.cache
def painter(kind: str, engines: Engines) -> Painter:
    """What paints for the engine `kind` ("inpaint" or "pose_control"); the same one for the whole process.

    Raises:
        UserError: its weights are missing, damaged or not in safetensors.
    """
    return _unloaded(kind, engines, device=own_device(engines.paint_device))


def _unloaded(kind: str, engines: Engines, device: str) -> Painter:
    source = getattr(engines, kind)
    flag, table = f"--{kind.replace('_', '-')}", FAMILIES[kind]
    family = _named(_located(source, INDEX))
    if family not in table:
        raise UserError(f"{flag} {source} is a {family}; it takes {', '.join(table)}")
    how: dict[str, Any] = {"device": device, "dtype": engines.paint_dtype}
    controlnet = None
    if kind == "pose_control":
        where = "cpu" if engines.paint_offload else device
        revision = _commit(_located(engines.controlnet, CONFIG), engines.controlnet)
        controlnet = ControlNet(engines.controlnet, **how | {"device": where}, revision=revision)
    made: Painter = choose(table, family, "generator")(
        source,
        **how,
        revision=_commit(_located(source, INDEX), source),
        offload=engines.paint_offload,
        controlnet=controlnet,
    )
    return made


def _located(source: str, name: str) -> Path:
    """The file `name` of a model, in its folder or from the hub.

    Raises:
        UserError: there is none.
    """
    folder = Path(source)
    if folder.exists():
        if not (folder / name).is_file():
            raise UserError(f"{source} has no {name}; give a folder in diffusers' layout")
        return folder / name
    if "/" not in source:
        raise UserError(f"no model {source!r}: no such folder, and a hub id has the form OWNER/NAME")
    return hub.model_file(source, name)


def _commit(path: Path, source: str) -> str | None:
    """Of the hub, all parts come from the commit whose `path` is in the cache."""
    return None if Path(source).exists() else path.parent.name


def _named(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["_class_name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!r}); it should name a class") from None


def weights_id(source: str) -> str:
    """What a model's or ControlNet's weights are: the id of its .safetensors files, or the hub's commit."""
    if Path(source).is_dir():
        return store.folder_id(Path(source), "*.safetensors")
    name = INDEX if (Path(source) / INDEX).exists() else CONFIG
    return _located(source, name).parent.name


def count(device: str) -> int:
    """How many processes `device` has room for: one, or for "cuda" one for each GPU."""
    return max(1, torch.cuda.device_count()) if device == "cuda" else 1


def own_device(device: str) -> str:
    """The GPU of this process where `device` is "cuda" and there are several: processes take them in turn."""
    if count(device) == 1:
        return device
    number = re.search(r"\d+$", multiprocessing.current_process().name)
    return f"cuda:{(int(number[0]) if number else 0) % count(device)}"
