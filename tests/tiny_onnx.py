"""Tiny ONNX models that rtmlib takes for YOLOX and RTMPose, and whose answers are known.

The person detector finds a person 240 pixels wide at each red cell (80 pixels of a picture of 640). The pose
model puts its points at fixed places of what it sees. Where it sees much white it is sure of hands as well,
and has them larger, with their roots at `ROOT`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from asap.anatomy.keypoints import LEFT_HAND, RIGHT_HAND
from skeleton_people import person

SEEN = 64  # pixels a side of what the detector sees
POSE_WIDE, POSE_HIGH = 48, 64
ROOT = (22, 46)  # in what the pose model sees
CELLS = 84  # of strides 8, 16 and 32


def person_model(path: Path, classes: int = 1, column: int = 0) -> Path:
    """YOLOX as it leaves the network; people are class `column` of `classes`."""
    row = np.zeros((64, 5 + classes), np.float32)
    row[:, :4] = (0.5, 0.5, np.log(3.0), np.log(3.0))
    row[:, 5 + column] = 1.0
    rest = np.zeros((1, CELLS - 64, 5 + classes), np.float32)
    place = np.zeros((1, 1, 5 + classes), np.float32)
    place[..., 4] = 1.0
    nodes = [
        helper.make_node("Conv", ["image", "reds"], ["red"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Sub", ["red", "half"], ["above"]),
        helper.make_node("Sigmoid", ["above"], ["score"]),
        helper.make_node("Reshape", ["score", "flat"], ["scores"]),
        helper.make_node("Mul", ["scores", "place"], ["objects"]),
        helper.make_node("Add", ["objects", "boxes"], ["first"]),
        helper.make_node("Concat", ["first", "rest"], ["answer"], axis=1),
    ]
    reds = np.zeros((1, 3, 8, 8), np.float32)  # mean of red less mean of blue: pictures come as BGR
    reds[:, 2], reds[:, 0] = 1 / 64, -1 / 64
    constants = {"reds": reds, "half": np.float32([100.0]), "flat": np.int64([1, 64, 1]), "place": place,
                 "boxes": row[None], "rest": rest}  # fmt: skip
    shapes = {"answer": (1, CELLS, 5 + classes)}
    return _saved(path, nodes, constants, (1, 3, SEEN, SEEN), shapes)


def pose_model(path: Path, count: int = 133) -> Path:
    """RTMPose with SimCC heads for `count` points at the places of `places()`."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "steep"], ["times"]),
        helper.make_node("Sigmoid", ["times"], ["white"]),
        helper.make_node("Mul", ["white", "hands"], ["part"]),
        helper.make_node("Add", ["part", "others"], ["sure"]),
        *(node for axis in "xy" for node in _along(axis)),
    ]
    hands = np.zeros((1, count, 1), np.float32)
    hands[:, 91:] = 0.9
    constants = {"steep": np.float32([6.0]), "hands": hands, "others": np.float32(0.9) - hands}
    for axis, size, far, near in zip("xy", (POSE_WIDE, POSE_HIGH), places().T, enlarged().T):
        constants[f"far_{axis}"], constants[f"near_{axis}"] = (
            _one_hot(at[:count], size) for at in (far, near)
        )
        constants[f"near_{axis}"] -= constants[f"far_{axis}"]
    shapes = {"simcc_x": (1, count, 2 * POSE_WIDE), "simcc_y": (1, count, 2 * POSE_HIGH)}
    return _saved(path, nodes, constants, (1, 3, POSE_HIGH, POSE_WIDE), shapes)


def places() -> np.ndarray:
    """(133, 2) where the pose model sees the points, in its own 48 by 64 pixels: multiples of a half."""
    skeleton = person()
    points = np.concatenate([skeleton.body, skeleton.face, skeleton.left_hand, skeleton.right_hand])
    return np.round(2 * ((points - (300, 370)) * 0.1 + (POSE_WIDE / 2, POSE_HIGH / 2))) / 2


def enlarged() -> np.ndarray:
    """(133, 2) the same with hands three and a half times as large."""
    points = places()
    for part, own in ((LEFT_HAND, person().left_hand), (RIGHT_HAND, person().right_hand)):
        points[part] = np.round(2 * ((own - own[0]) * 0.35 + ROOT)) / 2
    return points


def _along(axis: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Mul", [f"near_{axis}", "white"], [f"moved_{axis}"]),
        helper.make_node("Add", [f"far_{axis}", f"moved_{axis}"], [f"hot_{axis}"]),
        helper.make_node("Mul", [f"hot_{axis}", "sure"], [f"simcc_{axis}"]),
    ]


def _one_hot(at: np.ndarray, size: int) -> np.ndarray:
    hot = np.zeros((1, len(at), 2 * size), np.float32)
    hot[0, np.arange(len(at)), np.clip(2 * at, 0, 2 * size - 1).astype(int)] = 1.0
    return hot


def _saved(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    seen: tuple[int, ...],
    answers: dict[str, tuple[int, ...]],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, seen)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in answers.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
