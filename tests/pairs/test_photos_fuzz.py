"""Photos of every kind and state: an answer in RGB or a reason, never a crash; pairs exact outside masks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from asap.pairs import worker
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.hap import dataset
from asap.pairs.photos import Unreadable, read_photo
from asap.records import Photo
from asap.store import read_rows

SIDE = 96
LOOK = np.ascontiguousarray(data.astronaut()[::4, ::4])
FORMATS = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "JPEG": ("RGB", "L", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
}
KINDS = [(name, mode) for name, modes in FORMATS.items() for mode in modes]
FEW = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Bytes:
    """A photo's bytes that lie in memory."""

    content: bytes

    def read_bytes(self) -> bytes:
        return self.content


def encoded(kind: tuple[str, str], width: int, height: int, turn: int, frames: int) -> bytes:
    """A picture of `width` by `height` in a file format and mode, turned by Exif, perhaps animated."""
    name, mode = kind
    pixels = cv2.resize(LOOK, (width, height), interpolation=cv2.INTER_NEAREST)
    picture = Image.fromarray(pixels)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert("RGB").convert(mode)
    exif = Image.Exif()
    exif[0x0112] = turn
    animated = name != "JPEG" and frames > 1 and mode in ("RGB", "RGBA")
    more = {"save_all": True, "append_images": [picture.rotate(90 * i) for i in range(1, frames)]}
    file = io.BytesIO()
    picture.save(file, name, exif=exif, **(more if animated else {}))
    return file.getvalue()


SIDES = st.one_of(st.integers(1, SIDE), st.sampled_from([1, 2, 700]))
PICTURES = st.builds(
    encoded, st.sampled_from(KINDS), SIDES, SIDES, turn=st.integers(0, 9), frames=st.integers(1, 3)
)


@FEW
@given(st.sampled_from(KINDS), SIDES, SIDES, st.integers(0, 9), st.integers(1, 3))
def test_every_kind_of_picture_is_read(
    kind: tuple[str, str], width: int, height: int, turn: int, frames: int
) -> None:
    image = read_photo(Bytes(encoded(kind, width, height, turn, frames)), SIDE)
    assert image.dtype == np.uint8 and image.shape[2] == 3
    upright = (height, width) if turn not in (5, 6, 7, 8) else (width, height)
    scale = min(1.0, SIDE / max(upright))
    assert image.shape[:2] == tuple(max(1, round(length * scale)) for length in upright)
    if kind[1] == "RGB" and kind[0] == "PNG" and scale == 1 and turn in (0, 1, 9):
        assert np.array_equal(image, cv2.resize(LOOK, (width, height), interpolation=cv2.INTER_NEAREST))


@FEW
@given(PICTURES, st.data())
def test_a_damaged_picture_is_read_or_refused_with_a_reason(content: bytes, draw: st.DataObject) -> None:
    end = draw.draw(st.integers(0, len(content)))
    spoiled = bytearray(content[:end] if draw.draw(st.booleans()) else content)
    for _ in range(draw.draw(st.integers(0, 5))):
        if spoiled:
            spoiled[draw.draw(st.integers(0, len(spoiled) - 1))] = draw.draw(st.integers(0, 255))
    try:
        image = read_photo(Bytes(bytes(spoiled)), SIDE)
    except Unreadable as reason:
        assert str(reason) and "\n" not in str(reason)
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and max(image.shape[:2]) <= SIDE


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read_photo(Bytes(content), SIDE)


@pytest.mark.parametrize(
    ("kind", "turn"), [*((kind, 1) for kind in KINDS), (("JPEG", "RGB"), 6)], ids=lambda part: str(part)
)
def test_no_pixel_changes_outside_a_mask(kind: tuple[str, str], turn: int, tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    name, mode = kind
    portrait = Image.fromarray(data.astronaut()[:340, 40:380])
    if mode == "I;16":
        portrait = Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257)
    else:
        portrait = portrait.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    (portrait.rotate(90, expand=True) if turn == 6 else portrait).save(file, name, exif=exif)
    photo = Photo("0" * 16, Bytes(file.getvalue()), "a")
    faces = tuple(name for name, entry in DEGRADATIONS.items() if entry.part == "face")
    account = worker.process(photo, tmp_path, worker.Rules(300, faces, 3, 6, 0))
    if mode not in ("1", "P", "I;16"):  # of few tones, a face may not be found
        assert account["pairs"] >= 1, account
    image = read_photo(photo.file, 300)
    assert image.shape == (300, 300, 3)
    for row in dataset.read_shard(tmp_path / f"{account['key']}.parquet"):
        chosen, rejected, mask = (
            cv2.imdecode(np.frombuffer(row[name]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
            for name in dataset.PICTURES
        )
        assert np.array_equal(chosen[..., ::-1], image)
        assert np.array_equal(chosen[mask == 0], rejected[mask == 0]) and (chosen != rejected).any()
    assert [row["reason"] for row in next(read_rows(tmp_path / f"{account['key']}.json"))["rejected"]
            if row["reason"].startswith("failed")] == []  # fmt: skip
