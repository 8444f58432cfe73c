"""A denoiser's repeated blocks, compiled by torch: one for all that are alike, as diffusers compiles them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from asap.backbones import frozen
from asap.errors import UserError


def compile_blocks(network: nn.Module, backend: str = "inductor") -> None:
    """Compile the blocks of `network` in place, each at its first call, their LoRA being on them."""
    for block in frozen.blocks(network):
        block.compile(backend=backend)


@contextmanager
def readable_failure() -> Iterator[None]:
    """Turn what torch raises where it cannot compile into one line."""
    try:
        yield
    except torch._dynamo.exc.TorchDynamoException as error:
        reason = " ".join(str(error).split()).partition(" Set TORCHDYNAMO")[0][:200]
        mend = "install a C++ compiler such as g++, or " if "Compiler" in reason else ""
        raise UserError(
            f"--compile: torch cannot compile here ({reason}); {mend}leave --compile out"
        ) from None
