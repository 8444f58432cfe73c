"""The names of what can be wrong with a body, for protocols that let the model name it."""

from __future__ import annotations

FAULTS = (
    "extra finger",
    "missing finger",
    "fused fingers",
    "broken finger",
    "distorted hand",
    "distorted face",
    "missing facial feature",
    "extra limb",
    "missing limb",
    "fused limbs",
    "broken limb",
    "distorted foot",
    "distorted body",
    "merged bodies",
)
