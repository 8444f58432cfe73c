"""What paints: diffusers' inpainting pipelines behind one method, each family a class in its own file."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image as Pictures

from asap.backbones.parts import Pretrained, generators, to_uint8
from asap.errors import UserError
from asap.records import Image, Mask


class Task(NamedTuple):
    """One picture to paint.

    Attributes:
        picture: (h, w, 3), its sides multiples of the painter's `size_multiple`.
        mask: (h, w) what is to be repainted.
        prompt: what it is to show.
        avoid: what it is not to show, for families that take a negative prompt.
        strength: in (0, 1]; how much noise the old pixels get, 1 hides them.
        seed: of the noise.
        pose: (h, w, 3) a drawn skeleton, for painters with a ControlNet.
    """

    picture: Image
    mask: Mask
    prompt: str
    avoid: str
    strength: float
    seed: int
    pose: Image | None = None


class Painter(Pretrained):
    """A generator that repaints a masked part. `default_steps` and `arguments` are its family's facts."""

    native_size = 1024
    default_steps: int
    controlnet_class: type | None = None
    """The class of the ControlNet that it needs, None for a painter without."""

    def __init__(
        self,
        source: str,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        revision: str | None = None,
        offload: bool = False,
        controlnet: ControlNet | None = None,
    ) -> None:
        super().__init__(source, device=device, dtype=dtype, revision=revision)
        self.offload, self.controlnet = offload, controlnet

    @cached_property
    def size_multiple(self) -> int:
        return max(8, 2 * self.latent_factor)  # SDXL's pipelines ask for 8 whatever the VAE

    @cached_property
    def opened(self) -> Any:
        """The pipeline, with its weights."""
        raise NotImplementedError

    def arguments(self, task: Task) -> dict[str, Any]:
        """What the pipeline is called with beside the pictures, the prompt, the steps and the noise."""
        raise NotImplementedError

    def loaded_controlnet(self) -> Any:
        """The ControlNet's network.

        Raises:
            UserError: it is missing, or not of the painter's family.
        """
        if self.controlnet is None:
            raise UserError(f"{self.name} needs a ControlNet; give --controlnet")
        return self.controlnet.model(self.controlnet_class)

    def pipeline(self, cls: Any, what: str, **parts: Any) -> Any:
        if not self.offload:
            return super().pipeline(cls, what, **parts)
        loaded = self._load(cls, what, dtype=self.dtype, **parts)
        loaded.set_progress_bar_config(disable=True)
        loaded.enable_model_cpu_offload(device=self.device)
        return loaded

    def paint(self, task: Task, steps: int = 0) -> Image:
        """(h, w, 3) the picture of `task` with its mask repainted in `steps` steps (0: the family's number).

        What lies outside the mask has gone through the VAE: it is not exactly as it was. The noise comes from
        the CPU, so that it does not depend on the device.

        Raises:
            UserError: the device's memory does not suffice, or the numbers overflow.
        """
        height, width = task.mask.shape
        arguments = {
            "prompt": task.prompt,
            "image": Pictures.fromarray(task.picture),
            "mask_image": Pictures.fromarray(task.mask.astype(np.uint8) * 255),
            "height": height,
            "width": width,
            "num_inference_steps": steps or self.default_steps,
            "generator": generators([task.seed])[0],
            "output_type": "np",
            **self.arguments(task),
        }
        if task.pose is not None:
            arguments["control_image"] = Pictures.fromarray(task.pose)
        try:
            with quiet():
                painted = self.opened(**arguments).images
        except torch.OutOfMemoryError:
            mend = "a smaller --paint-size" if self.offload else "--paint-offload, or a smaller --paint-size"
            raise UserError(
                f"{self.source} does not fit into the memory of {self.device}; give {mend}"
            ) from None
        if not np.isfinite(painted).all():
            raise UserError(f"{self.source} overflows in {self.dtype}; give another --paint-dtype")
        return to_uint8(painted)[0]


class ControlNet(Pretrained):
    """A ControlNet of its own folder or hub id."""

    def model(self, cls: Any) -> Any:
        """The network, of class `cls`."""
        return self._load(cls, "the ControlNet", dtype=self.dtype).to(self.device)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without diffusers' warnings of casts, which SDXL's pipelines make at every picture and reverse."""
    log = logging.getLogger("diffusers.models.modeling_utils")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
