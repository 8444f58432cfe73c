"""Exports for other trainers, imports of what others made, and the way there and back."""

from __future__ import annotations

import io
import json

import cv2
import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow
from skimage import data

import hap
from asap.errors import UserError
from asap.pairs.exchange import exports, imports
from asap.pairs.exchange.foreign import Given
from asap.pairs.exchange.imports import Refused, difference, pair_of
from asap.pairs.hap import dataset
from asap.store import read_rows, to_json


@pytest.fixture
def made(tmp_path):
    return hap.write(tmp_path / "hap")


def picture(data_):
    return np.array(Pillow.open(io.BytesIO(data_)).convert("RGB"))


@pytest.mark.parametrize(
    ("format_", "back"),
    [("pick-a-pic", "pick-a-pic"), ("simpletuner", "folders"), ("simpletuner", "simpletuner")],
)
def test_there_and_back_the_rows_are_the_same(made, tmp_path, format_, back):
    exports.run(exports.Config(made, format_, tmp_path / "out"))
    imports.run(imports.Config(tmp_path / "out", back, tmp_path / "again"))
    assert list(dataset.read(tmp_path / "again")) == list(dataset.read(made, split="train"))
    assert (tmp_path / "again" / "skipped.jsonl").read_text() == ""


def test_diffusers_script_reads_it(made, tmp_path):
    """What train_diffusion_dpo_sdxl.py does with the rows, up to its tensors."""
    exports.run(exports.Config(made, "pick-a-pic", tmp_path / "out"))
    rows = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))

    def preprocess(examples):
        pairs = []
        for first, second, label in zip(examples["jpg_0"], examples["jpg_1"], examples["label_0"]):
            images = [Pillow.open(io.BytesIO(x)).convert("RGB") for x in (first, second)]
            pairs.append(images if label else images[::-1])
        return {
            "winner": [pair[0] for pair in pairs],
            "loser": [pair[1] for pair in pairs],
            "caption": examples["caption"],
        }

    for index, row in enumerate(rows.with_transform(preprocess), 1):
        truth = hap.pair(index)
        assert np.array_equal(row["winner"], truth.chosen) and np.array_equal(row["loser"], truth.rejected)
        assert row["caption"] == truth.prompt


def test_simpletuner_gets_folders_of_equal_names(made, tmp_path):
    exports.run(exports.Config(made, "simpletuner", tmp_path / "out"))
    names = [{path.stem for path in (tmp_path / "out" / name).glob("*.png")} for name in exports.FOLDERS]
    assert names[0] == names[1] == names[2] == {hap.pair(i).id for i in (1, 2, 3)}
    truth = hap.pair(2)
    assert np.array_equal(
        picture((tmp_path / "out" / "rejected" / f"{truth.id}.png").read_bytes()), truth.rejected
    )
    mask = np.asarray(Pillow.open(tmp_path / "out" / "mask" / f"{truth.id}.png"))
    assert set(np.unique(mask)) == {0, 255} and np.array_equal(mask > 0, truth.mask)
    assert (tmp_path / "out" / "chosen" / f"{truth.id}.txt").read_text() == "an astronaut, number 2\n"
    preferred, *others, _ = json.loads((tmp_path / "out" / "multidatabackend.json").read_text())
    assert preferred["conditioning_data"] == [other["id"] for other in others]
    assert [other["conditioning_type"] for other in others] == ["reference_strict", "mask"]
    assert all(other["source_dataset_id"] == preferred["id"] for other in others)
    assert len(list((tmp_path / "out").iterdir())) == 5 + 2  # and config.json, .lock


def test_decisions_and_splits_are_honoured_and_an_export_is_replaced(made, tmp_path, capsys):
    config = exports.Config(made, "simpletuner", tmp_path / "out")
    exports.run(config)
    assert "3 pairs for simpletuner; the 1 of split test are not among them" in capsys.readouterr().out
    (made / "decisions.jsonl").write_text(to_json({"id": hap.pair(2).id, "decision": "reject"}) + "\n")
    exports.run(config)
    assert {path.stem for path in (tmp_path / "out" / "mask").iterdir()} == {hap.pair(i).id for i in (1, 3)}
    exports.run(exports.Config(made, "pick-a-pic", tmp_path / "test", "test"))
    (path,) = (tmp_path / "test" / "data").iterdir()
    assert path.name == "test-00000-of-00001.parquet" and pq.read_table(path)["id"].to_pylist() == [
        hap.pair(0).id
    ]
    with pytest.raises(UserError, match="other settings"):
        exports.run(exports.Config(made, "pick-a-pic", tmp_path / "out"))


def test_an_export_is_the_same_bytes_each_time(made, tmp_path):
    for name in ("a", "b"):
        exports.run(exports.Config(made, "pick-a-pic", tmp_path / name))
    a, b = ((tmp_path / name / "data" / "train-00000-of-00001.parquet").read_bytes() for name in ("a", "b"))
    assert a == b


def test_a_split_without_pairs_is_told(tmp_path):
    hap.write(tmp_path / "hap", tests=0)
    with pytest.raises(UserError, match="no pairs to export in its split test"):
        exports.run(exports.Config(tmp_path / "hap", "pick-a-pic", tmp_path / "out", "test"))


def jpeg(image, quality=80):
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def pick_a_pic(folder, rows):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "part.parquet")
    return folder


def plain(index, **changes):
    truth = hap.pair(index)
    row = {
        "jpg_0": dataset.png(truth.chosen),
        "jpg_1": dataset.png(truth.rejected),
        "label_0": 1.0,
        "caption": "a face",
    }
    return row | changes


def test_pairs_of_others_get_masks_and_the_rest_is_refused(tmp_path, capsys):
    truth = hap.pair(0)
    other = np.ascontiguousarray(data.chelsea()[:160, :180])
    rows = [
        plain(0),
        plain(1, jpg_0=plain(1)["jpg_1"], jpg_1=plain(1)["jpg_0"], label_0=0.0),
        plain(2, label_0=0.5),
        plain(3, jpg_1=dataset.png(other)),  # another picture altogether
        plain(4, jpg_1=plain(4)["jpg_0"]),
        plain(5, jpg_1=dataset.png(hap.pair(5).rejected[:-1])),
        plain(6, jpg_1=b"rubbish"),
        plain(7, caption=""),
        plain(8, jpg_0=None),
        plain(0),
    ]
    imports.run(
        imports.Config(pick_a_pic(tmp_path / "in", rows), "pick-a-pic", tmp_path / "hap", "cc-by-4.0")
    )
    first, second = dataset.read(tmp_path / "hap")
    assert np.array_equal(picture(first["chosen"]["bytes"]), truth.chosen)
    assert np.array_equal(picture(first["rejected"]["bytes"]), truth.rejected)
    mask = picture(first["mask"]["bytes"])[..., 0] > 0
    assert (mask & truth.mask).sum() / (mask | truth.mask).sum() > 0.9
    assert np.array_equal(
        picture(second["rejected"]["bytes"]), hap.pair(1).rejected
    )  # the second one was preferred
    assert (first["prompt"], first["error"], first["license"]) == ("a face", "unnamed", "cc-by-4.0")
    assert first["source"] == "part.parquet#0" and first["ssim_inside"] < 0.9
    skipped = read_rows(tmp_path / "hap" / "skipped.jsonl")
    reasons = {row["source"].partition("#")[2]: row["reason"] for row in skipped}
    told = {"2": "nobody preferred", "3": "no local difference", "4": "are equal", "5": "in size"}
    told |= {"6": "damaged", "7": "no caption", "8": "missing", "9": "came before"}
    assert reasons.keys() == told.keys() and all(told[key] in reasons[key] for key in told)
    assert "2 pairs, 8 refused" in capsys.readouterr().out
    loaded = datasets.load_dataset(str(tmp_path / "hap"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == 2


def test_columns_of_others_that_fit_none_of_ours_are_left(tmp_path):
    rows = [plain(0, seed="seven", error=3.5, box=["x"], part="face", version=None)]
    imports.run(imports.Config(pick_a_pic(tmp_path / "in", rows), "pick-a-pic", tmp_path / "hap"))
    (found,) = dataset.read(tmp_path / "hap")
    assert found["seed"] == 0 and found["part"] == "face" and found["box"][2] > found["box"][0]


def test_lossy_pairs_are_found_where_they_really_differ():
    truth = hap.pair(0)
    chosen, rejected = (picture(jpeg(x)) for x in (truth.chosen, truth.rejected))
    assert (chosen != rejected).any(2)[~truth.mask].sum() > 100  # the compression shows outside
    mask = difference(chosen, rejected)
    assert (
        mask[truth.mask].all() and mask.sum() < 1.7 * truth.mask.sum()
    )  # and the blocks of 16 pixels it cuts
    given = Given("x", "a face", jpeg(truth.chosen), jpeg(truth.rejected), None, {})
    made = pair_of(given)
    assert np.array_equal(made.rejected[~made.mask], made.chosen[~made.mask])
    with pytest.raises(Refused, match="no visible difference"):
        difference(truth.chosen, picture(jpeg(truth.chosen, 60)))


def test_a_mask_that_is_given_is_kept_or_refused():
    truth = hap.pair(0)
    small, empty = truth.mask & (np.arange(180) < 80), np.zeros_like(truth.mask)
    for mask, words in (
        (small, "differ outside"),
        (empty, "empty"),
        (truth.mask[1:], "mask differs"),
        (~truth.mask, "outside"),
    ):
        given = Given("x", "y", dataset.png(truth.chosen), dataset.png(truth.rejected), dataset.png(mask), {})
        with pytest.raises(Refused, match=words):
            pair_of(given)


def test_folders_tell_what_is_missing(tmp_path):
    for name in ("chosen", "rejected"):
        (tmp_path / "in" / name).mkdir(parents=True)
    for index, name in enumerate(("a", "b", "c")):
        truth = hap.pair(index)
        (tmp_path / "in" / "chosen" / f"{name}.png").write_bytes(dataset.png(truth.chosen))
        if name != "b":
            (tmp_path / "in" / "rejected" / f"{name}.webp").write_bytes(dataset.png(truth.rejected))
    (tmp_path / "in" / "chosen" / "a.txt").write_text("a  face\n")
    config = imports.Config(tmp_path / "in", "folders", tmp_path / "hap")
    imports.run(config)
    (row,) = dataset.read(tmp_path / "hap")
    assert (row["source"], row["prompt"]) == ("a.png", "a face")
    reasons = [row["reason"] for row in read_rows(tmp_path / "hap" / "skipped.jsonl")]
    assert reasons == ["no picture of that name in rejected/", "no caption: put it into chosen/c.txt"]
    imports.run(config)  # says that nothing is to do


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "no such file or folder"),
        (lambda p: p.mkdir(), "holds no parquet files"),
        (lambda p: p.write_bytes(b"rubbish"), "no parquet file, or a damaged one"),
        (lambda p: pick_a_pic(p, [{"jpg_0": b"", "caption": "x"}]), "lacks the columns jpg_1, label_0"),
        (lambda p: pick_a_pic(p, [plain(0, label_0=0.5)]), "none of 1 pairs can be used .*nobody preferred"),
    ],
)
def test_bad_input_is_one_line(tmp_path, make, words):
    make(tmp_path / "in")
    with pytest.raises(UserError, match=words) as raised:
        imports.run(imports.Config(tmp_path / "in", "pick-a-pic", tmp_path / "hap"))
    assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match=r"no such file|chosen|is not|no folder"):
        imports.run(imports.Config(tmp_path / "in", "folders", tmp_path / "hap2"))


def test_folders_by_their_other_name_are_the_same_import(made, tmp_path, capsys):
    exports.run(exports.Config(made, "simpletuner", tmp_path / "out"))
    out = imports.run(imports.Config(tmp_path / "out", "folders", tmp_path / "again"))
    capsys.readouterr()
    imports.run(imports.Config(tmp_path / "out", "simpletuner", out))
    assert "nothing to do" in capsys.readouterr().out
