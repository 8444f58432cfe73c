"""What the benchmark asks of a judge of anatomy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from asap.records import Judgement, Sample

NO_IMAGE = "image missing or damaged"
"""The reason of an unscored judgement whose image cannot be read."""


class Judge(Protocol):
    """Looks at images and says of each whether its anatomy is correct.

    Attributes:
        name: the kind of judge ("figures", "vlm").
        settings: what identifies its answers: two judges with equal name and settings may be mixed in one
            folder, others may not. Never a secret.
    """

    name: str

    @property
    def settings(self) -> Mapping[str, object]: ...

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """One judgement per sample, yielded as soon as it is ready, in any order.

        The image of a sample is the file `images / sample.file_name`.
        """
        ...
