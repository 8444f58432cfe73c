"""Frozen weights of 8 or 4 bits, by the quantisers that diffusers knows."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from diffusers import BitsAndBytesConfig, TorchAoConfig

from asap.errors import UserError

PACKAGES = {"int8": "torchao", "fp8": "torchao", "nf4": "bitsandbytes"}
"""Kind -> the package that it needs. int8 and fp8 (e4m3) have a scale for each row of a weight; nf4 (Dettmers
et al. 2023) one for each 64 numbers, itself of 8 bits."""


def check(kind: str, device: str, *, offload: bool = False) -> None:
    """Whether weights can be of `kind` ("none" or one of `PACKAGES`) here.

    Raises:
        UserError: the package is missing, or the device or the offloading does not go with it.
    """
    if kind == "none":
        return
    if kind not in PACKAGES:
        raise UserError(f"--quantize {kind}: known are none, {', '.join(PACKAGES)}")
    package = PACKAGES[kind]
    if find_spec(package) is None:
        raise UserError(f"--quantize {kind} needs {package}; `pip install {package}`")
    if kind == "nf4" and torch.device(device).type == "cpu":
        raise UserError("--quantize nf4 needs a GPU: diffusers refuses it without; a CPU takes int8 or fp8")
    if kind == "nf4" and offload:
        raise UserError("--quantize nf4 does not go with --offload: take one, or --quantize int8 or fp8")


def form(kind: str, dtype: torch.dtype, device: str) -> dict[str, Any]:
    """What diffusers' `from_pretrained` wants to be told, for products computed in `dtype` on `device`."""
    if kind == "none":
        return {}
    config = _bitsandbytes(dtype) if kind == "nf4" else _torchao(kind)
    # on a GPU each layer goes there as it is read: the whole is never there in 16 bits. (With the CPU in
    # `device_map`, diffusers takes the layers for offloaded ones and does not quantise them.)
    placed = {} if torch.device(device).type == "cpu" else {"device_map": {"": device}}
    return {"quantization_config": config, **placed}


def _bitsandbytes(dtype: torch.dtype) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=True,
    )


def _torchao(kind: str) -> TorchAoConfig:
    quantization: Any = import_module("torchao.quantization")
    name = {"int8": "Int8WeightOnlyConfig", "fp8": "Float8WeightOnlyConfig"}[kind]
    return TorchAoConfig(getattr(quantization, name)())
