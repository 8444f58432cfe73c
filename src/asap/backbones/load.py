"""From a model's name, folder or hub id to its backbone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asap import store
from asap.backbones import hub
from asap.errors import UserError
from asap.lookup import choose

if TYPE_CHECKING:  # torch, which `family_of` does without
    from asap.backbones.backbone import Backbone

FAMILIES = {
    "Flux2KleinPipeline": "asap.backbones.flux2:Flux2Klein",
    "Flux2Pipeline": "asap.backbones.flux2:Flux2",
    "FluxPipeline": "asap.backbones.flux:Flux",
    "MiniPipeline": "asap.backbones.mini:Mini",
    "QwenImagePipeline": "asap.backbones.qwen_image:QwenImage",
    "StableDiffusion3Pipeline": "asap.backbones.sd3:SD3",
    "StableDiffusionPipeline": "asap.backbones.sd:SD",
    "StableDiffusionXLPipeline": "asap.backbones.sdxl:SDXL",
    "ZImagePipeline": "asap.backbones.z_image:ZImage",
}
WEIGHTS = Path(__file__).parent / "weights"
EMBEDDED = {"mini-hand": WEIGHTS / "mini-hand", "mini": WEIGHTS / "mini"}
"""Name -> folder: drawn hands of 24 pixels, and drawn people of 64 (`asap figures --kind mini-people`)."""


def load(model: str, *, device: str = "cpu", dtype: str = "float32", **stored: Any) -> Backbone:
    """The backbone of `model`: an embedded one (`EMBEDDED`), a folder in diffusers' layout, or a hub id.

    The family is read from `_class_name` in the pipeline's own `model_index.json`. `stored` says how the
    denoiser is stored: `quantize` and `offload` of `parts.Pretrained`.

    Raises:
        UserError: no such folder or hub id, or a family without a backbone.
    """
    source = EMBEDDED.get(model, Path(model))
    index, family = _family(model)
    # of the hub, all parts come from the commit whose index is in the cache
    revision = None if source.is_dir() else index.parent.name
    make = choose(FAMILIES, family, "backbone")
    backbone: Backbone = make(str(source), device=device, dtype=dtype, revision=revision, **stored)
    return backbone


def parts_id(backbone: Backbone) -> dict[str, str]:
    """What text encoders, tokenizers and VAE of `backbone` are: an id for each of their folders. None for a
    hub's model, whose commit says it (`weights_id`)."""
    if backbone.revision:
        return {}
    folders = sorted(path for path in Path(backbone.source).iterdir() if path.is_dir())
    kinds = ("text_encoder", "tokenizer", "vae", "captions")
    return {path.name: store.folder_id(path, "*") for path in folders if path.name.startswith(kinds)}


def check(model: str) -> None:
    """Look whether `model` is an embedded one or a folder with a pipeline's index; the hub is not asked.

    Raises:
        UserError: it is neither, and cannot be a hub id; or a family without a backbone.
    """
    if model in EMBEDDED or Path(model).exists() or not hub.is_id(model):
        _family(model)


def family_of(model: str) -> str:
    """The name of the backbone of `model`, such as "flux", from its `model_index.json` alone.

    Raises:
        UserError: as `load`.
    """
    return FAMILIES[_family(model)[1]].partition(":")[0].rpartition(".")[2]


def _family(model: str) -> tuple[Path, str]:
    """The model's index, and the class of its pipeline."""
    index = _index(str(EMBEDDED.get(model, Path(model))))
    family = _class_name(index)
    if family not in FAMILIES:
        raise UserError(f"{model} is a {family}; backbones exist for {', '.join(FAMILIES)}")
    return index, family


def weights_id(backbone: Backbone) -> str:
    """What the weights of `backbone` are: the id of its folder's .safetensors files, or the hub's commit."""
    return backbone.revision or store.folder_id(Path(backbone.source), "*.safetensors")


def _index(source: str) -> Path:
    path = Path(source) / "model_index.json"
    return path if path.is_file() else _download_index(source)


def _class_name(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["_class_name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error!r}); it should name the pipeline's class") from None


def _download_index(source: str) -> Path:
    if Path(source).exists():
        raise UserError(f"{source} has no model_index.json; give a folder in diffusers' layout")
    if not hub.is_id(source):
        raise UserError(
            f"no model {source!r}: no such folder, nor a hub id such as owner/name; by name there is "
            f"{', '.join(EMBEDDED)}"
        )
    return hub.model_file(source, "model_index.json")
