"""Other programs' forms of a LoRA, read back by diffusers' own converters: the same images and changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.loaders.lora_conversion_utils import _convert_kohya_flux_lora_to_diffusers
from numpy.typing import NDArray
from safetensors.torch import load_file

from asap.align import export
from asap.backbones import foreign, lora
from asap.backbones.foreign import Layer
from asap.backbones.load import family_of, load
from asap.errors import UserError
from families import FAMILIES, UNGUIDED, drawn, perturb, plain

KOHYA = ("sd", "sd2", "sdxl", "flux2", "klein", "qwen_image", "z_image")
READ_BY_COMFYUI = (*KOHYA, "flux", "sd3")


@pytest.mark.parametrize("family", READ_BY_COMFYUI)
def test_an_exported_lora_draws_the_same_images_in_plain_diffusers(
    family: str, tiny_family: Callable[[str], Path], tmp_path: Path
) -> None:
    """Rank 4 with alpha 8, so that a lost scale would show."""
    folder = tiny_family(family)
    trained = load(str(folder))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=8, seed=0)
    perturb(trained.denoiser)
    trained.save_lora(tmp_path)
    ours, base = images(family, folder, tmp_path), images(family, folder, None)
    assert np.abs(ours - base).max() > 1
    for form in ("comfyui", "kohya") if family in KOHYA else ("comfyui",):
        file = tmp_path / form / "foreign.safetensors"
        export.run(export.Config(tmp_path, form, file, model=str(folder)))  # type: ignore[arg-type]
        assert np.abs(ours - images(family, folder, file)).max() <= 1
        if form == "kohya":
            endings = {name.split(".", 1)[1] for name in load_file(file)}
            assert endings == {"lora_down.weight", "lora_up.weight", "alpha"}


def images(family: str, folder: Path, weights: Path | None) -> NDArray[np.int_]:
    """What plain diffusers draws with a LoRA, or without one."""
    pipeline = plain(folder)
    if weights:
        pipeline.load_lora_weights(str(weights))
        assert pipeline.get_active_adapters()
    return drawn(pipeline, **UNGUIDED[family]).astype(int)


def of_flux(width: int, rank: int, alpha: float) -> dict[str, Layer]:
    """LoRAs of the layers that are trained in a block of each kind of FLUX.1, `width` channels wide."""
    generator = torch.Generator().manual_seed(0)

    def layer(out: int, inside: int) -> Layer:
        down, up = torch.randn(rank, inside, generator=generator), torch.randn(out, rank, generator=generator)
        return Layer(down, up, alpha)

    square = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
    found = {f"transformer_blocks.0.attn.{name}": layer(width, width) for name in square}
    for part in ("ff", "ff_context"):
        found[f"transformer_blocks.0.{part}.net.0.proj"] = layer(4 * width, width)
        found[f"transformer_blocks.0.{part}.net.2"] = layer(width, 4 * width)
    for name in square[:3]:
        found[f"single_transformer_blocks.0.attn.{name}"] = layer(width, width)
    return found


@pytest.mark.parametrize(("rank", "alpha"), [(2, 2.0), (4, 8.0), (3, 1.0)])
def test_flux_s_fused_layers_change_as_before(rank: int, alpha: float) -> None:
    """Diffusers' converter knows FLUX.1 at its full width alone."""
    layers = of_flux(3072, rank, alpha)
    back = _convert_kohya_flux_lora_to_diffusers(foreign.kohya(layers, "flux"))
    probes = {
        inside: torch.randn(inside, 4, generator=torch.Generator().manual_seed(1)) for inside in (3072, 12288)
    }
    for name, layer in layers.items():
        down, up = (back[f"transformer.{name}.lora_{part}.weight"] for part in "AB")
        probe = probes[layer.down.shape[1]]
        expected = layer.alpha / rank * (layer.up @ (layer.down @ probe))
        torch.testing.assert_close(up @ (down @ probe), expected, rtol=1e-3, atol=1e-3)
    others = [name for name in back if name.rsplit(".lora_")[0].removeprefix("transformer.") not in layers]
    assert all("proj_mlp" in name for name in others)
    assert all(not back[name].any() for name in others if "lora_B" in name), "untrained: no change"


def test_sdxl_s_blocks_are_named_as_stability_counts_them() -> None:
    layer = Layer(torch.zeros(1, 2), torch.zeros(2, 1), 1.0)
    theirs = {
        "down_blocks.1.attentions.0.proj_in": "input_blocks.4.1.proj_in",
        "down_blocks.2.attentions.1.proj_in": "input_blocks.8.1.proj_in",
        "mid_block.attentions.0.proj_in": "middle_block.1.proj_in",
        "up_blocks.0.attentions.2.proj_in": "output_blocks.2.1.proj_in",
        "up_blocks.1.attentions.0.proj_in": "output_blocks.3.1.proj_in",
    }
    assert list(foreign.NAMED["sdxl"](dict.fromkeys(theirs, layer))) == list(theirs.values())


@pytest.mark.parametrize(("family", "form"), [("sd3", "kohya"), ("mini", "kohya"), ("mini", "comfyui")])
def test_families_whose_form_is_not_known(family: str, form: str) -> None:
    with pytest.raises(UserError, match=family):
        getattr(foreign, form)(of_flux(8, 2, 2.0), family)


def test_what_cannot_be_exported(sdxl: Path, tmp_path: Path) -> None:
    def config(**changes: object) -> export.Config:
        settings = {"lora": tmp_path, "format": "kohya", "out": tmp_path / "a.safetensors"} | changes
        return export.Config(**settings)  # type: ignore[arg-type]

    with pytest.raises(UserError, match="no LoRA at"):
        export.run(config())
    with pytest.raises(UserError, match="give a file that ends in"):
        export.run(config(out=tmp_path / "a.bin"))
    (tmp_path / lora.WEIGHTS).write_bytes(b"nonsense")
    with pytest.raises(UserError, match="give --model"):
        export.run(config())
    with pytest.raises(UserError, match="cannot be read"):
        export.run(config(model=str(sdxl)))
    (tmp_path / "a.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="is there already"):
        export.run(config())


def test_the_family_is_read_without_weights(tiny_family: Callable[[str], Path]) -> None:
    names = {"sd2": "sd", "klein": "flux2"}
    assert [family_of(str(tiny_family(name))) for name in FAMILIES] == [names.get(n, n) for n in FAMILIES]
    assert family_of("mini-hand") == "mini"
