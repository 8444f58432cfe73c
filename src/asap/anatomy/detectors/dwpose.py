"""Whole people by DWPose: a person detector and a whole-body pose model, ONNX files that rtmlib runs.

Every person found gives 133 points with scores. Hands are small in a picture of a whole person, so where a
wrist was found but no hand that can be trusted, the pose model looks again at a square around that wrist,
which it sees enlarged.
Reference: Yang et al., "Effective Whole-body Pose Estimation with Two-stages Distillation", ICCVW 2023.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asap.anatomy.detectors.detector import Choice
from asap.anatomy.detectors.regions import WholeBody, of_people
from asap.anatomy.detectors.views import hand_squares
from asap.anatomy.keypoints import LEFT_HAND, LIMBS, RIGHT_HAND
from asap.errors import UserError
from asap.records import Box, Image, Photo, Points, Region

SURE = 0.3
"""Score below which a point counts as unknown, as in the authors' own annotator."""
SEEN = 0.5
"""Fraction of a hand's points that have to be known for it to be trusted."""
HANDS = {"left": LEFT_HAND, "right": RIGHT_HAND}
MODE = "performance"
"""Which of rtmlib's pairs of models is downloaded where the user names none."""
PERSON = 0
"""The class of people, in detectors of COCO's 80 classes."""


class DWPose:
    """The detector: finds people, then the points of each.

    Args:
        people: an ONNX person detector (YOLOX).
        pose: an ONNX whole-body model of 133 points (DWPose, RTMW).
        device: "cpu" or "cuda".

    Raises:
        UserError: rtmlib or onnxruntime is missing, or a file is not such a model.
    """

    def __init__(self, people: str, pose: str, device: str = "cpu") -> None:
        rtmlib, runtime = _packages(device)
        with _silence(), _one_line(people, "a person detector (YOLOX)"):
            self._people = rtmlib.YOLOX(people, device=device)
            _fit(self._people, device, runtime)
            self._set_classes()
            self._boxes(np.zeros((64, 64, 3), np.uint8))
        with _silence(), _one_line(pose, "a whole-body pose model of 133 points (DWPose, RTMW)"):
            self._pose = rtmlib.RTMPose(pose, device=device)
            _fit(self._pose, device, runtime, wide_first=True)
            points, _ = self._pose(np.zeros((64, 64, 3), np.uint8), [(0, 0, 64, 64)])
            if points.shape != (1, 133, 2):
                raise ValueError(f"it gives {points.shape[-2]} points")

    @classmethod
    def prepare(cls, choice: Choice) -> Choice:
        """See `detector.Detector`. Without files rtmlib's are taken, downloaded where it has none yet."""
        rtmlib, _ = _packages(choice.device)
        if choice.files and len(choice.files) != 2:
            raise UserError(
                f"--detector-files {' '.join(choice.files)}: the detector dwpose wants two, the person "
                "detector and the pose model, or none to download them"
            )
        for path in choice.files:
            if not Path(path).is_file():
                raise UserError(f"--detector-files {path}: no such file; give an .onnx file")
        return choice if choice.files else choice._replace(files=_downloaded(rtmlib))

    @classmethod
    def open(cls, choice: Choice) -> DWPose:
        """See `detector.Detector`."""
        people, pose = choice.files
        return cls(people, pose, choice.device)

    def find(self, image: Image, photo: Photo) -> list[Region]:
        """See `detector.Detector`."""
        picture = np.ascontiguousarray(image[..., ::-1])  # as OpenCV reads them
        boxes = self._boxes(picture)
        if not len(boxes):
            return []  # for no boxes rtmlib would take the whole picture for a person
        people = [WholeBody(*self._second_look(picture, *one)) for one in zip(*self._pose(picture, boxes))]
        return of_people(image, [_sure(person, image) for person in people])

    def _boxes(self, picture: Image) -> Points:
        """(N, 4) the boxes of people; none in a picture so thin that scaled down nothing is left of it."""
        shape = picture.shape[:2]
        scale = min(side / length for side, length in zip(self._people.model_input_size, shape))
        if scale * min(shape) < 1:
            return np.zeros((0, 4))
        found = self._people(picture)
        if self._people.det_mode == "multiclass":
            every, classes = found
            found = np.asarray(every).reshape(-1, 4)[np.asarray(classes) == PERSON]
        boxes: Points = np.asarray(found, np.float64).reshape(-1, 4)
        return boxes

    def _set_classes(self) -> None:
        """Have boxes told with their classes where the model knows others than people."""
        high, wide = self._people.model_input_size
        answer = self._people.inference(np.zeros((high, wide, 3), np.uint8))[0]
        if answer.shape[-1] > 6:  # box, objectness, and a score for each class
            self._people.det_mode = "multiclass"

    def _second_look(self, picture: Image, points: Points, scores: Points) -> tuple[Points, Points]:
        """Points and scores with the hands that a look at their wrists finds better."""
        points, scores = np.array(points, np.float64), np.array(scores, np.float64)
        body = np.where(scores[:23, None] >= SURE, points[:23], np.nan)
        for side, square in hand_squares(body, picture).items():
            if _is_trusted(scores[HANDS[side]]):
                continue
            wrist = body[LIMBS[f"{side}_arm"][2]]
            hand, sure = self._hand_at(picture, square, wrist)
            if sure.mean() > scores[HANDS[side]].mean() and _is_trusted(sure):
                points[HANDS[side]], scores[HANDS[side]] = hand, sure
        return points, scores

    def _hand_at(self, picture: Image, square: Box, wrist: Points) -> tuple[Points, Points]:
        """The surer hand of what is seen in `square`, whichever side the model takes it for: (21, 2), (21,).

        One that does not begin near the wrist scores 0.
        """
        found, scores = self._pose(picture, [square])
        part = max(HANDS.values(), key=lambda part: float(scores[0, part].mean()))
        hand, sure = found[0, part], scores[0, part]
        apart = float(np.hypot(*(hand[0] - wrist)))
        return hand, sure if apart < 0.2 * (square[2] - square[0]) else np.zeros_like(sure)


def _is_trusted(scores: Points) -> bool:
    return bool((scores >= SURE).mean() >= SEEN)


def _sure(person: WholeBody, image: Image) -> WholeBody:
    """The person without points that are unsure, or outside the picture."""
    height, width = image.shape[:2]
    inside = (person.points >= 0).all(axis=1) & (person.points < (width, height)).all(axis=1)
    kept = inside & (person.scores >= SURE)
    return person._replace(points=np.where(kept[:, None], person.points, np.nan))


def _fit(tool: Any, device: str, runtime: Any, *, wide_first: bool = False) -> None:
    """Set a model's input size to that of its file, and on the CPU its session to one thread.

    rtmlib leaves the threads to onnxruntime, which takes all cores, in every one of our processes.
    """
    high, wide = tool.session.get_inputs()[0].shape[2:]
    if isinstance(high, int) and isinstance(wide, int):
        tool.model_input_size = (wide, high) if wide_first else (high, wide)
    elif wide_first:
        tool.model_input_size = (288, 384)
    if device == "cpu":
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        tool.session = runtime.InferenceSession(tool.onnx_model, options, providers=["CPUExecutionProvider"])


def _packages(device: str) -> tuple[Any, Any]:
    """rtmlib and onnxruntime."""
    try:
        rtmlib, runtime = (importlib.import_module(name) for name in ("rtmlib", "onnxruntime"))
    except ImportError as error:
        raise UserError(
            f"the detector dwpose needs rtmlib and onnxruntime ({error}); pip install 'asap-align[dwpose]', "
            "or on a server without libGL onnxruntime, and rtmlib with --no-deps"
        ) from None
    if device == "cuda" and "CUDAExecutionProvider" not in runtime.get_available_providers():
        raise UserError(
            "--detector-device cuda: this onnxruntime has no CUDA; pip install onnxruntime-gpu in its place"
        )
    return rtmlib, runtime


def _downloaded(rtmlib: Any) -> tuple[str, str]:
    models, download = rtmlib.Wholebody.MODE[MODE], rtmlib.tools.file.download_checkpoint
    try:
        return download(models["det"]), download(models["pose"])
    except Exception as error:  # whatever network, server, or archive have to say
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"cannot download the models of dwpose ({reason}); give two .onnx files as --detector-files"
        ) from None


@contextlib.contextmanager
def _one_line(path: str, what: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a line that says which file is not `what`."""
    try:
        yield
    except Exception as error:  # onnxruntime's own errors have no common base
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: not {what} that onnxruntime reads ({reason}); give another") from None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep rtmlib from printing that it has loaded a model."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
