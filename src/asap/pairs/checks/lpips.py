"""LPIPS on AlexNet, from weights that the user gives; nothing is ever downloaded.

Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018,
version 0.1 of its `lpips` package.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from asap.errors import UserError
from asap.records import Image, Mask

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
LAYERS = (0, 3, 6, 8, 10)
"""Where AlexNet's convolutions stand in torchvision's `features`."""
SHAPES = ((64, 3, 11, 11), (192, 64, 5, 5), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3))
STRIDES, PADDINGS, POOLED = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (False, True, True, False, False)


@functools.cache
def load(paths: tuple[str, ...]) -> dict[str, Tensor]:
    """AlexNet's five convolutions ("weight0", "bias0", ...) and LPIPS's weights of channels ("head0", ...).

    Args:
        paths: one .safetensors file with the state dict of `lpips.LPIPS(net="alex")`, or two: torchvision's
            AlexNet and the package's heads.

    Raises:
        UserError: a file is not safetensors or cannot be read, or together they lack what is needed.
    """
    state: dict[str, Tensor] = {}
    for path in paths:
        for key, value in _read(Path(path)).items():
            if name := _name(key):
                state[name] = value.float()
    wanted: dict[str, tuple[int, ...]] = {f"weight{i}": shape for i, shape in enumerate(SHAPES)}
    wanted |= {f"bias{i}": (shape[0],) for i, shape in enumerate(SHAPES)}
    wanted |= {f"head{i}": (1, shape[0], 1, 1) for i, shape in enumerate(SHAPES)}
    if {name: tuple(value.shape) for name, value in state.items()} != wanted:
        raise UserError(f"{', '.join(paths)}: not the weights of LPIPS on AlexNet (lpips.LPIPS(net='alex'))")
    return state


def _read(path: Path) -> Mapping[str, Tensor]:
    if path.suffix != ".safetensors":
        raise UserError(f"{path}: only .safetensors files are read; convert this one by {_conversion(path)}")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: no weights that can be read ({type(error).__name__})") from None


def _conversion(path: Path) -> str:
    """The command by which users turn a state dict of their own into safetensors."""
    old, new = (json.dumps(str(name)) for name in (path, path.with_suffix(".safetensors")))
    copies = f"{{k: v.clone() for k, v in torch.load({old}, weights_only=True).items()}}"
    code = f"import torch, safetensors.torch as s; s.save_file({copies}, {new})"
    return f"python -c {shlex.quote(code)}"


def _name(key: str) -> str | None:
    if found := re.fullmatch(r"(?:net\.slice\d|features)\.(\d+)\.(weight|bias)", key):
        return f"{found[2]}{LAYERS.index(int(found[1]))}" if int(found[1]) in LAYERS else None
    found = re.fullmatch(r"lin(\d)\.model\.1\.weight", key)
    return f"head{found[1]}" if found else None


@torch.no_grad()
def lpips_map(state: Mapping[str, Tensor], a: Image, b: Image) -> NDArray[np.float32]:
    """(H, W) perceptual distance of two pictures (H, W, 3), 0 where they look equal.

    sum over layers of  head . (f(a) / |f(a)| - f(b) / |f(b)|)^2,  enlarged to the pictures' size
    """
    x = torch.from_numpy(np.stack([a, b])).permute(0, 3, 1, 2).float() / 127.5 - 1
    x = (x - torch.tensor(SHIFT).view(1, 3, 1, 1)) / torch.tensor(SCALE).view(1, 3, 1, 1)
    total = torch.zeros(1, 1, *a.shape[:2])
    for layer in range(5):
        x = F.max_pool2d(x, 3, 2) if POOLED[layer] else x
        weight, bias = state[f"weight{layer}"], state[f"bias{layer}"]
        x = F.relu(F.conv2d(x, weight, bias, STRIDES[layer], PADDINGS[layer]))
        unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
        distance = F.conv2d((unit[:1] - unit[1:]).square(), state[f"head{layer}"])
        total += F.interpolate(distance, a.shape[:2], mode="bilinear", align_corners=False)
    return np.asarray(total[0, 0].numpy(), np.float32)


def perceptual(paths: Sequence[str], chosen: Image, rejected: Image, mask: Mask) -> dict[str, float | None]:
    """LPIPS averaged in `mask` ("lpips_inside") and over all others ("lpips_outside"); None without weights.

    The network sees far, so what changed inside shows outside as well.
    """
    if not paths or min(mask.shape) < 64:
        return {"lpips_inside": None, "lpips_outside": None}
    values = lpips_map(load(tuple(paths)), chosen, rejected).astype(np.float64)
    outside = float(values[~mask].mean()) if not mask.all() else 0.0
    return {"lpips_inside": round(float(values[mask].mean()), 6), "lpips_outside": round(outside, 6)}
