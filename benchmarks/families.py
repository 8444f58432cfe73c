"""What a LoRA adapts in the full-size architecture of each family, counted without weights or downloads.

python benchmarks/families.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from accelerate import init_empty_weights
from diffusers import (
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    UNet2DConditionModel,
    ZImageTransformer2DModel,
)

from asap.backbones.flux import Flux
from asap.backbones.flux2 import Flux2
from asap.backbones.qwen_image import QwenImage
from asap.backbones.sd import SD
from asap.backbones.sd3 import SD3
from asap.backbones.z_image import ZImage

RANK = 16
SD3_MEDIUM = {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536}
SD35_MEDIUM = SD3_MEDIUM | {"qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13))}
# where the class's own defaults are not the published model's
ARCHITECTURES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "Stable Diffusion 1.5": (SD, UNet2DConditionModel, {"cross_attention_dim": 768, "sample_size": 64}),
    "Stable Diffusion 3 medium": (SD3, SD3Transformer2DModel, SD3_MEDIUM),
    "Stable Diffusion 3.5 medium": (SD3, SD3Transformer2DModel, SD35_MEDIUM),
    "FLUX.1": (Flux, FluxTransformer2DModel, {"guidance_embeds": True}),
    "Z-Image": (ZImage, ZImageTransformer2DModel, {}),
    "Qwen-Image": (QwenImage, QwenImageTransformer2DModel, {}),
    "FLUX.2": (Flux2, Flux2Transformer2DModel, {}),
}


def counted(backbone: Any, denoiser: Any, config: dict[str, Any]) -> str:
    """Parameters, linear layers adapted of all, and the parameters of a LoRA of rank `RANK` on them."""
    with init_empty_weights():
        network = denoiser(**config)
    with tempfile.TemporaryDirectory() as folder:
        network.save_config(Path(folder) / backbone.denoiser_part)
        targets = backbone(folder).lora_targets
    linear = {name: module for name, module in network.named_modules() if hasattr(module, "in_features")}
    adapted = [m for name, m in linear.items() if any(f".{name}".endswith(f".{t}") for t in targets)]
    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e9
    lora = sum(RANK * (module.in_features + module.out_features) for module in adapted) / 1e6
    return f"{parameters:.2f} | {len(adapted)} of {len(linear)} | {lora:.1f}"


def main() -> None:
    print("| model | parameters, billions | linear layers adapted | LoRA of rank 16, millions |")
    print("|---|---|---|---|")
    for name, architecture in ARCHITECTURES.items():
        print(f"| {name} | {counted(*architecture)} |")


if __name__ == "__main__":
    main()
