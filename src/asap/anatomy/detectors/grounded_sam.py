"""Masks of hands, faces, feet and people by their names: Grounding DINO finds boxes, SAM 2 fills them.

Neither knows keypoints. Another detector may lend its own: its part gives its points to the mask that holds
most of them. A mask without points stays, its points all NaN; a part of the lender that no mask fits stays as
it is.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from asap.anatomy.detectors import load as detectors
from asap.anatomy.detectors.detector import Choice, Detector, Unusable
from asap.anatomy.detectors.grounding import Grounder, Segmenter
from asap.anatomy.detectors.regions import SMALLEST, Found, assemble, in_order
from asap.anatomy.keypoints import known
from asap.errors import UserError
from asap.records import Image, Mask, Photo, Points, Region

WORDS = {"person": "body", "face": "face", "hand": "hand", "foot": "foot"}
"""What Grounding DINO is asked for -> the part."""
POINTS = {"hand": 21, "face": 68, "body": 23}
DEFAULTS = ("IDEA-Research/grounding-dino-tiny", "facebook/sam2.1-hiera-tiny")
"""On the hub."""
WANTED = ["*.json", "*.txt", "*.safetensors"]
SAME = 0.7
"""Overlap (intersection over union) from which on two masks of a part are one."""
LENT = 0.5
"""Fraction of a part's known points that must lie in a mask for it to be that part's."""
T = TypeVar("T")


class GroundedSam:
    """The detector.

    Args:
        grounder: finds boxes by words.
        segmenter: masks by boxes.
        lender: another detector that lends its keypoints, if any.
    """

    def __init__(self, grounder: Grounder, segmenter: Segmenter, lender: Detector | None = None) -> None:
        self._grounder, self._segmenter, self._lender = grounder, segmenter, lender

    @classmethod
    def prepare(cls, choice: Choice) -> Choice:
        """See `detector.Detector`. Models that are no folders come from the hub, if not from its cache."""
        if len(choice.files or DEFAULTS) != 2:
            raise UserError(
                f"--detector-files {' '.join(choice.files)}: the detector grounded-sam wants two, Grounding "
                "DINO and SAM 2, folders or names on the hub"
            )
        if choice.device == "cuda":
            import torch

            if not torch.cuda.is_available():
                raise UserError("--detector-device cuda: this torch sees no GPU; leave it out, or mend that")
        if (lender := _lender(choice)) is not None:
            detectors.prepare(lender)
        return choice._replace(files=tuple(_folder(name) for name in choice.files or DEFAULTS))

    @classmethod
    def open(cls, choice: Choice) -> GroundedSam:
        """See `detector.Detector`."""
        lender = _lender(choice)
        dino, sam = choice.files
        return cls(
            _opened(dino, "a Grounding DINO", lambda: Grounder(dino, choice.device)),
            _opened(sam, "a SAM 2", lambda: Segmenter(sam, choice.device)),
            None if lender is None else detectors.load(lender),
        )

    def find(self, image: Image, photo: Photo) -> list[Region]:
        """See `detector.Detector`."""
        found = self._masked(image)
        feet = [foot.mask for foot in found.pop("foot") if foot.mask is not None]
        found["body"] = [_with_feet(body, feet) for body in found["body"]]
        person = _union([body.mask for body in found["body"] if body.mask is not None])
        for region in self._lent(image, photo):
            _lend(region, found[region.part])
            person = region.context.get("person") if person is None else person
        hands, faces, bodies = (in_order(found[part]) for part in ("hand", "face", "body"))
        return assemble(image, hands, faces, bodies, person)

    def _masked(self, image: Image) -> dict[str, list[Found]]:
        """Part -> what the words find, each with its mask and without points, the surest first."""
        boxes = self._grounder.boxes(image, list(WORDS))
        found: dict[str, list[Found]] = {part: [] for part in WORDS.values()}
        for (_, word, score), mask in zip(boxes, self._segmenter.masks(image, [one.box for one in boxes])):
            part = WORDS[word]
            known_already = any(_overlap(mask, other.mask) > SAME for other in found[part])
            if mask.sum() >= SMALLEST.get(part, 0.0) ** 2 and mask.any() and not known_already:
                found[part].append(Found(np.full((POINTS.get(part, 3), 2), np.nan), score, mask=mask))
        return found

    def _lent(self, image: Image, photo: Photo) -> list[Region]:
        if self._lender is None:
            return []
        try:
            return self._lender.find(image, photo)
        except Unusable:  # it has nothing to say of this photo, but the masks have
            return []


def _lend(region: Region, found: list[Found]) -> None:
    """Give a region's points to that of `found`, without points, that holds most; else add the region."""
    shares = [-1.0 if len(known(one.points)) else _share(region.keypoints, one.mask) for one in found]
    own = {"irises": region.context["irises"]} if "irises" in region.context else {}
    if shares and max(shares) >= LENT:
        best = int(np.argmax(shares))
        context = {**found[best].context, **own}
        found[best] = found[best]._replace(points=region.keypoints, side=region.side, context=context)
    else:
        found.append(Found(region.keypoints, region.score, region.side, region.mask, own))


def _share(points: Points, mask: Mask | None) -> float:
    """The fraction of the known points that lie in the mask."""
    places = known(points).round().astype(int)
    if mask is None or not len(places):
        return 0.0
    inside = (places >= 0).all(axis=1) & (places < mask.shape[::-1]).all(axis=1)
    return float(mask[places[inside, 1], places[inside, 0]].sum() / len(places))


def _with_feet(body: Found, feet: Sequence[Mask]) -> Found:
    """The body with those of `feet` that lie on it mostly."""
    own = [foot for foot in feet if body.mask is not None and (foot & body.mask).sum() > 0.5 * foot.sum()]
    return body._replace(context={"feet": own})


def _union(masks: Sequence[Mask]) -> Mask | None:
    return np.asarray(np.any(masks, axis=0)) if masks else None


def _overlap(a: Mask, b: Mask | None) -> float:
    """Intersection over union."""
    return 0.0 if b is None else float((a & b).sum() / max(1, (a | b).sum()))


def _lender(choice: Choice) -> Choice | None:
    if choice.points == "none":
        return None
    if choice.points == "mediapipe":
        return Choice("mediapipe")
    if not Path(choice.points).is_file():
        raise UserError(f"--detector-points {choice.points}: give mediapipe, none, or a COCO JSON")
    return Choice("keypoints", (choice.points,))


def _folder(name: str) -> str:
    """The folder of a model: itself, or where the hub's files lie once they are downloaded."""
    if Path(name).is_dir():
        return name
    from huggingface_hub import snapshot_download

    for here in (True, False):
        try:
            return str(snapshot_download(name, allow_patterns=WANTED, local_files_only=here))
        except Exception as error:  # no such model, no right to it, no network: the hub has many ways
            reason = " ".join(str(error).split())[:160] or type(error).__name__
    raise UserError(f"no folder {name}, and the hub does not give it ({reason}); see --detector-files")


def _opened(folder: str, what: str, load: Callable[[], T]) -> T:
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a bar for the weights, in every process
            return load()
    except Exception as error:  # whatever transformers finds amiss
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError(
            f"{folder}: not {what} in transformers' layout with safetensors ({reason}); give another"
        ) from None
