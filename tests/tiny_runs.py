"""Settings of training runs that are over in a moment, on the tests' tiny models and pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from asap.align import train


def tiny_run(model: Path | str, data: Path, out: Path, **changes: Any) -> train.Config:
    """Four steps of two pairs of 32 pixels, but for `changes`."""
    settings = train.Config(
        model=str(model), data=str(data), out=out, steps=4, resolution=32, batch_size=2, rank=4,
        learning_rate=1e-2, tau=0.05, tracker="none", overlays=0,
    )  # fmt: skip
    return replace(settings, **changes)
