"""What the benchmark asks of a reward: a number for an image and its prompt, higher is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asap.records import Image


@dataclass(frozen=True)
class Setup:
    """What a reward is made of.

    Attributes:
        model: its weights, a .safetensors file, a folder or a hub id; "" for the published ones.
        base: where tokenizer and configuration are that the weights lack; "" for the published place.
        instruction: HPSv3's question, see `hpsv3`.
        device, dtype: as torch calls them.
    """

    model: str = ""
    base: str = ""
    instruction: Path | None = None
    device: str = "cpu"
    dtype: str = "float32"


class Reward(Protocol):
    """Scores images; made with a `Setup`, which loads the weights.

    Attributes:
        name: as the table of `bench.reward` has it.
        settings: what identifies its scores, the weights' hash among it; scores with equal settings may be
            mixed in one folder, others may not.
        reads_text: whether the prompt matters.
    """

    name: str
    reads_text: bool

    @property
    def settings(self) -> dict[str, object]: ...

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """The score of each image (H, W, 3) with its text, in the reward's own unit."""
        ...


@dataclass(frozen=True)
class Score:
    """A reward's number for one sample: one row of `rewards.jsonl`; `score` is None with a `reason`."""

    sample_id: str
    prompt_id: str
    seed: int
    category: str
    score: float | None
    reason: str = ""
