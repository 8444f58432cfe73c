"""Colours and styles by name."""

from __future__ import annotations

RGB = tuple[float, float, float]

SKINS: dict[str, RGB] = {
    "pale": (246, 216, 196), "fair": (232, 188, 158), "tan": (205, 152, 112),
    "brown": (152, 101, 70), "dark": (102, 66, 48),
}  # fmt: skip
HAIRS: dict[str, RGB] = {
    "black": (38, 34, 36), "brown": (98, 62, 40), "blond": (222, 184, 104), "red": (164, 76, 40),
    "gray": (158, 156, 156),
}  # fmt: skip
CLOTHES: dict[str, RGB] = {
    "red": (200, 54, 54), "blue": (52, 98, 178), "green": (62, 140, 88), "yellow": (236, 196, 66),
    "white": (238, 238, 236), "black": (52, 52, 60), "purple": (128, 84, 164), "orange": (232, 130, 52),
    "teal": (34, 142, 146), "pink": (232, 138, 164),
}  # fmt: skip
BOTTOMS: dict[str, RGB] = {
    "blue": (54, 78, 132), "black": (48, 48, 56), "beige": (196, 172, 134), "gray": (112, 116, 124),
    "green": (86, 102, 70), "white": (228, 228, 224),
}  # fmt: skip
SHOES: dict[str, RGB] = {
    "white": (240, 240, 240), "black": (44, 42, 46), "brown": (112, 72, 46), "red": (192, 60, 56),
}  # fmt: skip
BACKGROUNDS: dict[str, RGB] = {
    "gray": (176, 182, 190), "blue": (146, 184, 220), "green": (160, 200, 168), "cream": (240, 228, 204),
    "violet": (190, 176, 216), "peach": (244, 204, 180), "navy": (46, 62, 98), "teal": (70, 128, 132),
}  # fmt: skip
STYLES = {
    "hair": ("short", "long", "bun", "bald"),
    "sleeves": ("short", "long"),
    "bottom": ("trousers", "shorts", "skirt"),
    "feet": ("shoes", "bare"),
    "scenery": ("plain", "room", "park"),
}

LABELS = (
    "background", "torso", "neck", "head", "face", "hair", "left_arm", "right_arm", "left_hand", "right_hand",
    "left_leg", "right_leg", "left_foot", "right_foot", "object",
)  # fmt: skip
"""Name of each number in a label picture."""
NUMBER = {name: number for number, name in enumerate(LABELS)}


def shaded(colour: RGB, share: float) -> RGB:
    """`colour` with its brightness multiplied by `share`."""
    return (colour[0] * share, colour[1] * share, colour[2] * share)


def mixed(a: RGB, b: RGB, share: float) -> RGB:
    """`share` of `b` in `a`."""
    return tuple(x + share * (y - x) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]
