"""Noising and prediction targets of the two kinds of models; pure functions.

z: clean latents (B, C, h, w); eps: standard normal noise of the same shape.
"""

from __future__ import annotations

import torch
from torch import Tensor


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """`values` (B,) shaped (B, 1, ..., 1) to broadcast against `like` (B, ...)."""
    return values.to(like.device, like.dtype).view(-1, *[1] * (like.ndim - 1))


def flow_noise(z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """z_t = (1 - t) z + t eps, the straight path of rectified flow; t (B,) in [0, 1], 1 is pure noise."""
    t = per_sample(t, z)
    return (1 - t) * z + t * eps


def flow_target(z: Tensor, eps: Tensor) -> Tensor:
    """dz_t/dt = eps - z, the velocity of the straight path."""
    return eps - z


def logit_normal_times(count: int, generator: torch.Generator) -> Tensor:
    """t = sigmoid(n) with n standard normal, (count,) in (0, 1) (Esser et al. 2024, section 3.1)."""
    return torch.sigmoid(torch.randn(count, generator=generator))


def uniform_times(count: int, generator: torch.Generator) -> Tensor:
    """Times spread evenly over (0, 1], (count,)."""
    return 1 - torch.rand(count, generator=generator)


def shifted(t: Tensor, shift: float) -> Tensor:
    """s t / (1 + (s - 1) t): times moved towards noise by s = `shift`, 1 and 0 kept (Esser et al. 2024,
    eq. 23, with s for their sqrt(m / n))."""
    return shift * t / (1 + (shift - 1) * t)


def diffusion_noise(z: Tensor, eps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """z_t = sqrt(a) z + sqrt(1 - a) eps, a = `alphas_cumprod` (B,) at the samples' steps (DDPM, eq. 4)."""
    a = per_sample(alphas_cumprod, z)
    return a.sqrt() * z + (1 - a).sqrt() * eps


def diffusion_velocity(z: Tensor, eps: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """v = sqrt(a) eps - sqrt(1 - a) z (Salimans and Ho 2022, section 4)."""
    a = per_sample(alphas_cumprod, z)
    return a.sqrt() * eps - (1 - a).sqrt() * z
