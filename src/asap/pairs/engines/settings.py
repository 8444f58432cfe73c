"""The generators of a run: their settings, and the degradations that they add to the table.

Nothing here loads a model; torch is imported by `resolved` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from asap.anatomy.skeleton_errors import SKELETON_ERRORS
from asap.errors import UserError
from asap.pairs.degradations import Entry

INPAINTED = {"hand": "malformed hand", "face": "distorted face", "body": "malformed limb"}
"""Part -> what its error is called after inpainting: what a generator gets wrong is not known beforehand."""
OF_TWO_HANDS = ("swapped_hands",)
"""Errors of skeletons that no single hand can have."""


@dataclass(frozen=True)
class Engines:
    """Which generators repaint parts of photos, and how. Without a model there are none."""

    inpaint: str = ""
    """A model that repaints hands, faces and limbs, to get them wrong: hub id or folder of FLUX.1-Fill,
    FLUX.2-klein or SDXL. It adds inpaint_hand, inpaint_face and inpaint_limb to the degradations."""
    pose_control: str = ""
    """A model that repaints a part after a wrong skeleton, with --controlnet: hub id or folder of FLUX.1-dev
    or SDXL. It adds pose_extra_finger, pose_broken_limb and so on, one for each error of skeletons."""
    controlnet: str = ""
    """The pose ControlNet of the --pose-control model: hub id or folder."""
    candidates: int = 4
    """Pictures to paint for each attempt; the gates choose among them."""
    paint_size: int = 0
    """Side of the square that a generator paints, in pixels; 0: the model's own."""
    paint_steps: int = 0
    """Denoising steps; 0: the model's own number."""
    paint_device: str = "auto"
    """`cuda` (a process for each GPU), `cuda:1`, `mps` or `cpu`; auto: the first of them that is there."""
    paint_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on cuda, float32 elsewhere."""
    paint_offload: bool = False
    """Keep on the GPU only the part of the model that works: slower, in much less GPU memory."""

    def __bool__(self) -> bool:
        return bool(self.inpaint or self.pose_control)

    @property
    def on_gpu(self) -> bool:
        """Whether a generator, its device chosen (`resolved`), runs on one."""
        return bool(self) and self.paint_device.startswith("cuda")

    def entries(self) -> dict[str, Entry]:
        """Name -> entry of each degradation that these engines add."""
        found = {}
        if self.inpaint:
            for part, error in INPAINTED.items():
                name = f"inpaint_{'limb' if part == 'body' else part}"
                found[name] = Entry(part, error, "asap.pairs.engines.inpaint:inpaint", {"engines": self})
        if self.pose_control:
            for name in (name for name in SKELETON_ERRORS if name not in OF_TWO_HANDS):
                part, error, _ = SKELETON_ERRORS[name]
                options = {"engines": self, "name": name}
                function = "asap.pairs.engines.pose_control:repose"
                found[f"pose_{name}"] = Entry(part, error, function, options)
        return found

    def identity(self) -> Mapping[str, object]:
        """What decides the pictures: the models' weights and how they are used, not where they run."""
        from asap.pairs.engines import models  # torch, which is not needed otherwise

        weights = {
            name: models.weights_id(source)
            for name in ("inpaint", "pose_control", "controlnet")
            if (source := getattr(self, name))
        }
        how = {"size": self.paint_size, "steps": self.paint_steps, "dtype": self.paint_dtype}
        return {**weights, **how, "candidates": self.candidates}


def resolved(engines: Engines) -> Engines:
    """`engines` as they will run, with device and dtype chosen and the models' families looked up.

    Raises:
        UserError: numbers, device, models or a ControlNet with which they cannot run.
    """
    if not engines:
        if engines.controlnet:
            raise UserError("--controlnet steers a generator: give that one with --pose-control")
        return engines
    for name in ("candidates", "paint_size", "paint_steps"):
        least = int(name == "candidates")
        if getattr(engines, name) < least:
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} {getattr(engines, name)}: give {least} or more")
    if bool(engines.pose_control) != bool(engines.controlnet):
        raise UserError("--pose-control and --controlnet go together: a generator, and its pose ControlNet")
    from asap.backbones.parts import device_for, dtype_for  # torch, which is not needed otherwise
    from asap.pairs.engines import models

    device = device_for(engines.paint_device, "--paint-device")
    dtype = dtype_for(engines.paint_dtype, device)
    chosen = replace(engines, paint_device=device, paint_dtype=dtype)  # type: ignore[arg-type]
    models.check(chosen)
    return chosen


def processes(engines: Engines, workers: int) -> int:
    """How many processes to run where none was asked for (0): one for each GPU of the engines' device.

    On a CPU it is one too: each holds a whole generator.
    """
    if workers or not engines:
        return workers
    from asap.pairs.engines import models

    return models.count(engines.paint_device)
