"""The exponential moving average of a LoRA's parameters over training steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """After each step, average <- d average + (1 - d) parameter, with d = min(decay, (1 + n) / (10 + n)).

    n counts the steps before, so that the first steps, far from where training ends, are soon forgotten: the
    warm-up of diffusers' `EMAModel`. The average is kept on the parameters' device, in their type.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self._parameters, self._decay = parameters, decay
        self._average = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        self._steps = torch.zeros(1, dtype=torch.int64)

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters as they are now into the average."""
        before = int(self._steps)
        decay = min(self._decay, (1 + before) / (10 + before))
        for name, parameter in self._parameters.items():
            self._average[name].lerp_(parameter, 1 - decay)
        self._steps += 1

    def state(self) -> Mapping[str, Tensor]:
        """What a checkpoint keeps; whoever writes into these tensors restores the average."""
        return {"ema_steps": self._steps} | {f"ema/{name}": t for name, t in self._average.items()}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the parameters are the average; afterwards what they were, bit for bit."""
        before = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        _put(self._average, self._parameters)
        try:
            yield
        finally:
            _put(before, self._parameters)


@torch.no_grad()
def _put(values: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])
