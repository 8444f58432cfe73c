import json
import struct
from io import BytesIO
from zlib import crc32

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps
from skimage import data

from asap.errors import UserError
from asap.pairs import photos
from asap.pairs.captions import caption
from asap.pairs.photos import Unreadable, read_photo
from asap.pairs.sources.find import find_photos

PORTRAIT = data.astronaut()[:200, 100:340]


def save(path, pixels=PORTRAIT, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def reasons(skipped):
    return {left.source: left.reason for left in skipped}


def test_photos_of_all_subfolders_in_order(tmp_path):
    for index, name in enumerate(("b.png", "a.jpg", "deep/er/c.webp", "deep/D.JPEG")):
        save(tmp_path / name, PORTRAIT[index:])
    save(tmp_path / ".hidden" / "e.png")
    found, skipped = find_photos(tmp_path)
    assert [photo.source for photo in found] == ["a.jpg", "b.png", "deep/D.JPEG", "deep/er/c.webp"]
    assert len({photo.id for photo in found}) == 4
    assert skipped == []


def test_a_folder_that_a_stage_made_holds_no_photos(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "sub" / "hap" / "preview.png", PORTRAIT[1:])
    save(tmp_path / "sub" / "b.png", PORTRAIT[2:])
    save(tmp_path / "other" / "c.png", PORTRAIT[3:])
    (tmp_path / "other" / "config.json").write_text("{}")  # somebody else's
    save(tmp_path / "else" / "d.png", PORTRAIT[4:])
    (tmp_path / "else" / "config.json").write_text("[not ours")
    (tmp_path / "sub" / "hap" / "config.json").write_text('{"stage": "build"}')
    found, skipped = find_photos(tmp_path)
    assert [photo.source for photo in found] == ["a.png", "else/d.png", "other/c.png", "sub/b.png"]
    assert reasons(skipped)["sub/hap"].startswith("made by `asap build`")
    assert "sub/hap" not in reasons(find_photos(tmp_path, ("sub/hap/*",))[1])
    with pytest.raises(UserError, match="made by `asap build`; give the folder that holds your photos"):
        caption.run(caption.Config(tmp_path / "sub" / "hap", "http://localhost:1", "m"))


def test_patterns_leave_files_out_by_path_or_name(tmp_path):
    for index, name in enumerate(("ai_1.png", "keep.png", "drafts/x.png", "deep/ai_2.png")):
        save(tmp_path / name, PORTRAIT[index:])
    found, _ = find_photos(tmp_path, ("ai_*", "drafts/*"))
    assert [photo.source for photo in found] == ["keep.png"]


def test_captions_from_sidecar_then_metadata_then_none(tmp_path):
    for index, name in enumerate("abcd"):
        save(tmp_path / f"{name}.png", PORTRAIT[index:])
    rows = [{"file_name": f"{name}.png", "text": f"listed  {name}"} for name in "ab"]
    (tmp_path / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n[1]\n")
    (tmp_path / "a.txt").write_text("\ufeffbeside\n  it, <b>é</b>\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text(" \n")
    (tmp_path / "d.txt").write_bytes("caf\xe9".encode("latin-1"))
    found, skipped = find_photos(tmp_path)
    captions = {photo.source: photo.caption for photo in found}
    assert captions == {"a.png": "beside it, <b>é</b>", "b.png": "listed b", "c.png": None}
    assert reasons(skipped).keys() == {"d.png", "metadata.jsonl"}
    assert "UTF-8" in reasons(skipped)["d.png"]
    assert "line 3" in reasons(skipped)["metadata.jsonl"]


def test_what_cannot_be_used_costs_one_line_each(tmp_path):
    first = save(tmp_path / "a.png")
    (tmp_path / "copy.png").write_bytes(first.read_bytes())
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    found, skipped = find_photos(tmp_path)
    assert [photo.source for photo in found] == ["a.png"]
    assert reasons(skipped) == {
        "copy.png": "the same bytes as a.png",
        "empty.jpg": "an empty file",
        "lost.png": "No such file or directory",
        "notes.pdf": "not named like a photo (.jpg, .jpeg, .png, .webp)",
    }


def test_no_folder_and_no_photos(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        find_photos(tmp_path / "missing")
    with pytest.raises(UserError, match="no photos"):
        find_photos(tmp_path)


def test_lossless_formats_come_back_as_they_are(tmp_path):
    assert_array_equal(read_photo(save(tmp_path / "a.png"), 1024), PORTRAIT)
    assert_array_equal(read_photo(save(tmp_path / "a.webp", lossless=True), 1024), PORTRAIT)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = np.zeros((60, 100, 3), np.uint8)
    upright[:30, :50] = (250, 20, 20)
    upright[30:, 50:] = (20, 20, 250)
    # What a camera held that way would store, so that turning it as its EXIF says gives `upright`.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(
        tmp_path / "a.jpg", np.ascontiguousarray(stored[orientation]), exif=exif, quality=95, subsampling=0
    )
    found = read_photo(path, 1024)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 3


def test_modes_become_rgb(tmp_path):
    rgb = Image.fromarray(PORTRAIT)
    rgb.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    rgb.convert("L").save(tmp_path / "grey.png")
    rgb.convert("1").save(tmp_path / "bits.png")
    grey = np.asarray(rgb.convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    tolerance = {"palette.png": 12, "cmyk.jpg": 6, "grey.png": 40, "deep.png": 40}
    for name, most in tolerance.items():
        found = read_photo(tmp_path / name, 1024)
        assert found.shape == PORTRAIT.shape and found.dtype == np.uint8
        assert np.abs(found.astype(int) - PORTRAIT).mean() < most, name
    assert_array_equal(read_photo(tmp_path / "deep.png", 1024)[..., 0], grey)
    assert set(np.unique(read_photo(tmp_path / "bits.png", 1024))) == {0, 255}


def test_transparent_pixels_lie_over_white(tmp_path):
    alpha = np.zeros((50, 60), np.uint8)
    alpha[:, :20], alpha[:, 20:40] = 255, 128
    rgba = np.dstack([np.full((50, 60, 3), 100, np.uint8), alpha])
    found = read_photo(save(tmp_path / "a.png", rgba), 1024)
    assert (found[0, 0] == 100).all() and (found[0, 50] == 255).all()
    assert abs(int(found[0, 30, 0]) - 177) <= 1


def test_of_an_animation_the_first_picture(tmp_path):
    first, second = (Image.fromarray(np.full((64, 64, 3), v, np.uint8)) for v in (10, 200))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second], lossless=True)
    assert (read_photo(tmp_path / "a.webp", 1024) == 10).all()


def test_longest_side_is_limited_and_never_enlarged(tmp_path):
    big = np.kron(PORTRAIT, np.ones((8, 8, 1), np.uint8))
    for name in ("a.png", "a.jpg"):
        found = read_photo(save(tmp_path / name, big), 240)
        assert found.shape == (200, 240, 3)
        assert np.abs(found.astype(int) - PORTRAIT).mean() < 3
    assert read_photo(save(tmp_path / "small.png"), 1024).shape == PORTRAIT.shape
    assert read_photo(save(tmp_path / "line.png", np.zeros((1, 3000, 3), np.uint8)), 300).shape == (1, 300, 3)


def test_the_bytes_count_not_the_name(tmp_path):
    save(tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert_array_equal(read_photo(tmp_path / "a.jpg", 1024), PORTRAIT)


def test_damaged_files_give_a_reason(tmp_path, monkeypatch):
    (tmp_path / "text.jpg").write_text("not a picture")
    save(tmp_path / "bitmap.bmp").rename(tmp_path / "bitmap.png")
    for name in ("cut.jpg", "cut.png", "cut.webp"):
        whole = save(tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    for name in ("text.jpg", "bitmap.png"):
        with pytest.raises(Unreadable, match="not a JPEG, PNG or WebP"):
            read_photo(tmp_path / name, 1024)
    for name in ("cut.jpg", "cut.png", "cut.webp", "gone.png"):
        with pytest.raises(Unreadable, match="damaged") as caught:
            read_photo(tmp_path / name, 1024)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(photos, "LARGEST", 1000)
    with pytest.raises(Unreadable, match="240 x 200 pixels are too many"):
        read_photo(save(tmp_path / "large.png"), 1024)


def test_a_bomb_is_refused_from_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    header = b"IHDR" + (60000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunks = [
        (len(body) - 4).to_bytes(4, "big") + body + crc32(body).to_bytes(4, "big")
        for body in (header, b"IDAT")
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(Unreadable, match="too many"):
        read_photo(path, 1024)


def test_a_damaged_exif_block_leaves_the_picture_as_it_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x0132] = 6, "hello world", "2020"
    file = BytesIO()
    Image.new("RGB", (8, 6), (200, 10, 10)).save(file, "JPEG", exif=exif)
    data = bytearray(file.getvalue())
    start = data.index(b"Exif")
    data[start + 17], data[start + 72] = 0, 161  # Pillow answers with struct.error
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(struct.error), Image.open(tmp_path / "a.jpg") as picture:
        ImageOps.exif_transpose(picture)
    assert read_photo(tmp_path / "a.jpg", 64).shape == (6, 8, 3)


def test_metadata_names_files_in_subfolders_and_the_nearest_counts(tmp_path):
    for index, name in enumerate(("a.png", "images/b.png", "images/c.png", "images/deep/d.png")):
        save(tmp_path / name, PORTRAIT[index:])
    rows = [
        ("a.png", "one"),
        ("images/b.png", "two"),
        ("./images/c.png", "three"),
        ("images/deep/d.png", "four"),
    ]
    lines = [json.dumps({"file_name": name, "text": text}) for name, text in rows]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    (tmp_path / "images" / "metadata.jsonl").write_text(json.dumps({"file_name": "c.png", "text": "nearer"}))
    photos, skipped = find_photos(tmp_path)
    captions = {photo.source: photo.caption for photo in photos}
    assert captions == {
        "a.png": "one",
        "images/b.png": "two",
        "images/c.png": "nearer",
        "images/deep/d.png": "four",
    }
    assert not skipped
