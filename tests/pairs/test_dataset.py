import hashlib
import json
import re
from dataclasses import replace

import datasets
import huggingface_hub
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

import hap
from asap import __version__
from asap.errors import UserError
from asap.pairs.exchange import publish
from asap.pairs.hap import dataset, shards
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


def test_the_card_tells_the_strengths_that_were_kept(tmp_path):
    kept = [{"strength": 0.5}, {}, {"strength": 2.0}, {"angle": 3.0}, {"strength": 1.0}]
    rows = (dataset.encode(replace(pair(index), parameters=chosen)) for index, chosen in enumerate(kept))
    dataset.write(tmp_path, rows, title="HAP: a test", notes=[])
    lines = (tmp_path / "README.md").read_text().splitlines()
    pairs = [line.split(" | ")[1::4] for line in lines if line.startswith(("| face", "| all"))]
    assert [(error, last.removesuffix(" |")) for error, last in pairs] == [
        ("displaced eye", "-"), ("twisted mouth", "1.00 (0.50 to 2.00)"), ("", "1.00 (0.50 to 2.00)"),
    ]  # fmt: skip


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
    monkeypatch.setattr(shards, "LARGEST_GROUP", 1)  # though all are of one photo
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


def test_a_photos_pairs_stay_in_one_row_group(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUP_BYTES", 1)
    photos = ["a.png"] * 2 + ["b.png"] + ["c.png"] * 3
    rows = [dataset.encode(replace(pair(index), source=photo)) for index, photo in enumerate(photos)]
    dataset.write(tmp_path, iter(rows), title="HAP: a test", notes=[])
    file = pq.ParquetFile(tmp_path / "data" / "train-00000-of-00001.parquet")
    groups = [file.read_row_group(n, ["source"])["source"].to_pylist() for n in range(file.num_row_groups)]
    assert groups == [["a.png"] * 2, ["b.png"], ["c.png"] * 3]


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
    assert "From nothing." in card and "strength" not in card.partition("## Pairs")[2].partition("##")[0]
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
    from asap.pairs.hap.contact import contact_sheet, spread

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
    from asap.pairs.hap.contact import around

    for box in ((0, 0, 10, 10), (190, 90, 200, 100), (0, 0, 200, 100), (90, 0, 100, 100)):
        left, top, right, bottom = around(box, 100, 200)
        assert 0 <= left <= box[0] and box[2] <= right <= 200
        assert 0 <= top <= box[1] and box[3] <= bottom <= 100


def test_png_of_a_mask_is_black_and_white(tmp_path):
    (tmp_path / "m.png").write_bytes(dataset.png(pair(0).mask))
    picture = Image.open(tmp_path / "m.png")
    assert picture.mode == "L"
    assert set(np.unique(np.asarray(picture))) == {0, 255}


def test_splits_stream_and_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    monkeypatch.setattr(shards, "GROUP_ROWS", 1)
    monkeypatch.setattr(shards, "LARGEST_GROUP", 1)
    hap.write(tmp_path, 5, tests=2)
    names = [path.name for path in dataset.files(tmp_path)]
    assert names == [*(f"train-{i:05d}-of-00003.parquet" for i in range(3)), "test-00000-of-00002.parquet",
                     "test-00001-of-00002.parquet"]  # fmt: skip
    for split, wanted in (("train", [2, 3, 4]), ("test", [0, 1])):
        rows = datasets.load_dataset(str(tmp_path), split=split, streaming=True)
        assert [row["id"] for row in rows] == [hap.pair(index).id for index in wanted]
    assert [row["id"] for row in dataset.read(tmp_path, ["id"])] == [hap.pair(i).id for i in (2, 3, 4, 0, 1)]
    hap.write(tmp_path, 5, tests=0)
    assert not dataset.files(tmp_path, "test")


def test_where_pairs_come_from_is_told(tmp_path):
    hap.write(tmp_path)
    (row,) = dataset.read(tmp_path, split="test")
    assert json.loads(row["parameters"]) == {"angle": 12.5}
    assert (row["license"], row["detector"], row["version"]) == ("cc-by-4.0", "mediapipe", __version__)
    assert row["source_hash"] == hap.pair(0).id and len(row["perceptual_hash"]) == 64
    assert dataset.encode(pair(0))["parameters"] is None


def test_all_in_test_leaves_nothing_to_train_on(tmp_path):
    with pytest.raises(UserError, match="all lie in the test split"):
        hap.write(tmp_path, 2, tests=2)
    assert not list(tmp_path.iterdir())


def old_fashioned(folder):
    """A dataset as an earlier version wrote it: fewer columns, no record, a card without `configs`."""
    hap.write(folder, 3, tests=0)
    (path,) = dataset.files(folder)
    added = [*dataset.PROVENANCE, "parameters", "version"]
    table = pq.read_table(path).drop_columns(added).replace_schema_metadata(None)
    pq.write_table(table, path)
    for name in ("about.json", "preview.webp"):
        (folder / name).unlink()
    (folder / "README.md").write_text("---\ntags:\n- preference\n---\n# HAP\n")
    return folder


def test_a_folder_of_an_earlier_version_is_read(tmp_path):
    old_fashioned(tmp_path / "old")
    rows = list(dataset.read(tmp_path / "old"))
    assert [row["id"] for row in rows] == [hap.pair(index).id for index in range(3)]
    assert rows[0]["license"] is rows[0]["version"] is rows[0]["parameters"] is None
    assert dataset.about(tmp_path / "old")["test_share"] == 0
    publish.run(publish.Config(tmp_path / "old", str(tmp_path / "new")))
    assert len(list(dataset.read(tmp_path / "new"))) == 3


def test_the_hub_takes_the_cards_metadata(tmp_path):
    hap.write(tmp_path)
    told = huggingface_hub.DatasetCard.load(tmp_path / "README.md").data.to_dict()
    assert told["license"] == "cc-by-4.0" and told["size_categories"] == ["n<1K"]
    assert told["task_categories"] == ["text-to-image"] and "human-anatomy" in told["tags"]
    assert "configs" not in told  # see test_two_folders_of_one_name_are_not_confused
    text = (tmp_path / "README.md").read_text()
    assert "| test | 1 | 1 | 1 |" in text and "| mouth_twisted | 4 | 4 |" in text
    assert "| cc-by-4.0 | 4 | 4 |" in text and f"| version {__version__}, pairs | 4 |" in text


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (["CC BY 4.0", "CC BY 4.0"], "cc-by-4.0"),
        ([None, None], "unknown"),
        (["Pexels License", "Pexels License"], "other"),
        (["CC0", None], ["cc0-1.0", "unknown"]),
        (["mit", "my own | rules"], ["mit", "other"]),
    ],
)
def test_licences_in_the_hubs_words(tmp_path, told, wanted):
    rows = [hap.row(index, license=name) for index, name in enumerate(told)]
    dataset.write(tmp_path, rows, title='a "title": odd')
    card = huggingface_hub.DatasetCard.load(tmp_path / "README.md")
    assert card.data.license == wanted and card.data.pretty_name == 'a "title": odd'
    assert all(f"| {(name or 'unknown').replace('|', chr(92) + '|')} |" in card.text for name in told)


def test_the_preview_shows_a_pair_of_each_kind(tmp_path):
    from asap.pairs.hap.preview import GAP, HEADING, MARGIN, OUTLINE, SIDE, chosen_for

    facts = [
        {"part": part, "error": error}
        for part, error in ("aa", "aa", "aa", "ab", "ab", "ba", "ca", "cb", "cc")
    ]
    assert chosen_for(facts) == [1, 4, 5, 6, 7, 8] and chosen_for(facts[:2]) == [0, 1]
    hap.write(tmp_path, 1, tests=0)
    picture = np.array(Image.open(tmp_path / "preview.webp").convert("RGB"))
    assert picture.shape[1] == 2 * (SIDE + MARGIN) + GAP
    tiles = [picture[MARGIN + HEADING :, MARGIN + x :][:SIDE, :SIDE].astype(int) for x in (0, SIDE + GAP)]
    orange = [np.abs(tile - OUTLINE).max(2) < 60 for tile in tiles]
    assert (orange[0] & orange[1]).sum() > 300  # both outlined, alike
    assert (np.abs(tiles[0] - tiles[1]).max(2) > 40).sum() > 2000  # and different in the middle
