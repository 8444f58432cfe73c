"""What decides the pairs of a photo, beside the photo itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from asap.anatomy.detectors.detector import Choice
from asap.pairs.checks.gates import Gates, Target
from asap.pairs.checks.semantics import Use
from asap.pairs.checks.witness import Asked
from asap.pairs.degradations import DEGRADATIONS, Entry
from asap.pairs.engines.settings import Engines


class Rules(NamedTuple):
    """The settings of a build that decide, checked: see `build.Config`."""

    size: int
    degradations: tuple[str, ...]
    per_region: int
    per_photo: int
    seed: int
    gates: Gates = Gates()
    lpips: tuple[str, ...] = ()
    target: Target = Target()
    tries: int = 4
    checks: Use = "trusted"
    detector: Choice = Choice()
    engines: Engines = Engines()
    witness: Asked | None = None


def entries(engines: Engines) -> Mapping[str, Entry]:
    """The table of degradations with those of the run's generators."""
    return {**DEGRADATIONS, **engines.entries()}
