import hashlib
import json
import re
from dataclasses import replace

import datasets
import numpy as np
import pytest
from PIL import Image
from skimage import data

from asap.errors import UserError
from asap.pairs import dataset, shards
from asap.records import Pair

PORTRAIT = data.astronaut()[:200, 100:340]


def pair(index: int, prompt: str = "an astronaut") -> Pair:
    mask = np.zeros(PORTRAIT.shape[:2], bool)
    mask[60 + index : 120 + index, 80:150] = True
    rejected = PORTRAIT.copy()
    rejected[mask] = rejected[mask][::-1]
    metrics = {"ssim_inside": 0.25 + index / 4, "ssim_outside": 0.99}
    return Pair(
        f"{index:016x}", prompt, PORTRAIT, rejected, mask, "face",
        ("twisted mouth", "displaced eye")[index % 2],
        "some_warp", (80, 60 + index, 150, 120 + index), "deep/a.png", 2**63 - 1 - index, metrics,
    )  # fmt: skip


def write(folder, count=3, **options):
    rows = (dataset.encode(pair(index)) for index in range(count))
    dataset.write(folder, rows, title="HAP: a test", notes=["From nothing."], **options)


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_plain_load_dataset_gives_the_pairs_back(tmp_path):
    write(tmp_path / "hap")
    loaded = datasets.load_dataset(str(tmp_path / "hap"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == 3
    assert list(loaded.features) == [
        "id", "prompt", "chosen", "rejected", "mask", "part", "error", "degradation", "box", "source", "seed",
        "ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside", "parameters",
        "source_hash", "perceptual_hash", "license", "detector", "version",
    ]  # fmt: skip
    assert isinstance(loaded.features["chosen"], datasets.Image)
    for index, row in enumerate(loaded):
        truth = pair(index)
        assert np.array_equal(np.array(row["chosen"]), truth.chosen)
        assert np.array_equal(np.array(row["rejected"]), truth.rejected)
        assert np.array_equal(np.array(row["mask"]) > 0, truth.mask)
        assert (row["id"], row["seed"], tuple(row["box"])) == (truth.id, truth.seed, truth.box)
        assert row["ssim_inside"] == truth.metrics["ssim_inside"]
        assert row["lpips_inside"] is None


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name)
    write(tmp_path / "b")
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert hashes(tmp_path / "a").keys() == {
        "README.md",
        "about.json",
        "preview.webp",
        "contact_sheet.html",
        "data/train-00000-of-00001.parquet",
    }


def test_many_shards_in_order_and_no_leftovers_of_more(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    monkeypatch.setattr(shards, "GROUP_ROWS", 2)
    write(tmp_path, 5)
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == [f"train-{i:05d}-of-00003.parquet" for i in range(3)]
    assert [row["id"] for row in dataset.read(tmp_path, ["id"])] == [pair(i).id for i in range(5)]
    write(tmp_path, 2)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train-00000-of-00001.parquet"]


def test_pairs_of_one_photo_store_it_once(tmp_path):
    write(tmp_path / "one", 1)
    write(tmp_path / "four", 4)
    one, four = (
        (tmp_path / n / "data" / "train-00000-of-00001.parquet").stat().st_size for n in ("one", "four")
    )
    assert four < 3 * one


def test_a_kill_while_moving_in_is_mended(tmp_path):
    write(tmp_path / "new", 2)
    write(tmp_path / "hap", 3)
    (tmp_path / "new").rename(tmp_path / "hap" / ".ready")  # complete, but not one file moved yet
    ready = tmp_path / "hap" / ".ready"
    (ready / "README.md").replace(tmp_path / "hap" / "README.md")  # or one of them
    dataset.recover(tmp_path / "hap")
    write(tmp_path / "truth", 2)
    assert hashes(tmp_path / "hap") == hashes(tmp_path / "truth")
    assert not ready.exists()


def test_a_failure_midway_leaves_what_was_there(tmp_path):
    write(tmp_path, 3)
    before = hashes(tmp_path)

    def rows():
        yield dataset.encode(pair(0))
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        dataset.write(tmp_path, rows(), title="x")
    after = hashes(tmp_path)
    assert {name: after[name] for name in before} == before
    write(tmp_path, 3)
    assert hashes(tmp_path) == before


def test_no_pairs_is_the_users_to_mend(tmp_path):
    with pytest.raises(UserError, match="no pairs"):
        dataset.write(tmp_path, [], title="x")


def test_encode_refuses_what_is_no_pair():
    good = pair(0)
    with pytest.raises(ValueError, match="outside the mask"):
        dataset.encode(replace(good, mask=np.zeros_like(good.mask)))
    with pytest.raises(ValueError, match="size"):
        dataset.encode(replace(good, mask=good.mask[1:]))
    assert dataset.encode(good, dataset.png(good.chosen)) == dataset.encode(good)


def test_the_card_counts_and_averages(tmp_path):
    write(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "| face | displaced eye | 1 | 0.5000 | 0.9900 |" in card
    assert "| face | twisted mouth | 2 | 0.5000 | 0.9900 |" in card
    assert "| all |  | 3 | 0.5000 | 0.9900 |" in card
    assert "From nothing." in card
    assert json.loads(re.search(r"pretty_name: (.*)", card)[1]) == "HAP: a test"


def test_the_contact_sheet_shows_pairs_and_escapes_captions(tmp_path):
    rows = [dataset.encode(pair(0, "<script>alert('x')</script> & co"))]
    dataset.write(tmp_path, rows, title="A & B")
    page = (tmp_path / "contact_sheet.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page and "A &amp; B" in page
    assert page.count("data:image/jpeg;base64,") == 4
    assert "twisted mouth" in page and "SSIM inside" in page
    assert not re.findall(r"(?:src|href)=(?!\"data:)", page)


def test_a_long_contact_sheet_samples_evenly_and_says_so(monkeypatch):
    from asap.pairs.contact import contact_sheet, spread

    rows = [dataset.encode(pair(index)) for index in range(9)]
    page = contact_sheet([rows[index] for index in spread(9, shown=3)], 9, "HAP")
    assert "3 of 9 pairs" in page
    assert [name in page for name in (pair(0).id, pair(4).id, pair(8).id, pair(1).id)] == [
        True,
        True,
        True,
        False,
    ]


def test_crops_of_the_contact_sheet_stay_in_the_picture():
    from asap.pairs.contact import around

    for box in ((0, 0, 10, 10), (190, 90, 200, 100), (0, 0, 200, 100), (90, 0, 100, 100)):
        left, top, right, bottom = around(box, 100, 200)
        assert 0 <= left <= box[0] and box[2] <= right <= 200
        assert 0 <= top <= box[1] and box[3] <= bottom <= 100


def test_png_of_a_mask_is_black_and_white(tmp_path):
    (tmp_path / "m.png").write_bytes(dataset.png(pair(0).mask))
    picture = Image.open(tmp_path / "m.png")
    assert picture.mode == "L"
    assert set(np.unique(np.asarray(picture))) == {0, 255}
