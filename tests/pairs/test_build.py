"""`asap build` from end to end, killed and continued, and the choices it makes for one photo."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

import hap
from asap.errors import UserError
from asap.pairs import build, degradations, ledger, worker
from asap.pairs.build import Config
from asap.pairs.checks.gates import Gates
from asap.pairs.degradations import Entry, Unsuitable
from asap.pairs.hap import dataset, splits, thumbnails
from asap.pairs.hap.terms import Terms
from asap.records import Photo, Region
from asap.store import read_rows
from asap.web.journal import Answer, Journal

ASTRONAUT = data.astronaut()
FACES = "mouth_twisted,nose_displaced"
COMMAND = [sys.executable, "-c", "import sys; from asap.cli import main; sys.exit(main())", "build"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six portraits that differ, a damaged file and one that shows nobody."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(6):
        part = ASTRONAUT[index : 320 + index, 60 + index : 380 + index]
        write(folder / "abc"[index % 3] / f"{index}.png", part if index % 2 else part[:, ::-1])
    write(folder / "grey.png", np.full((200, 200, 3), 90, np.uint8))
    (folder / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    (folder / "a" / "0.txt").write_text("an astronaut, <smiling>")
    return folder


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1])


def hashes(folder):
    # config.json names the folder; small pictures are kept for the next time
    others = ("config.json", thumbnails.FILE)
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in others)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def built(photos, tmp_path_factory):
    pytest.importorskip("mediapipe")
    out = tmp_path_factory.mktemp("built") / "hap"
    build.run(Config(photos, out, degradations=FACES, workers=1))
    return out


def test_pairs_of_the_portraits(built, photos):
    rows = list(dataset.read(built))
    assert {row["source"] for row in rows} == {f"{'abc'[i % 3]}/{i}.png" for i in range(6)}
    assert len({row["id"] for row in rows}) == len(rows) >= 8
    assert len({row["error"] for row in rows}) >= 2
    for row in rows:
        chosen, rejected, mask = (
            cv2.imdecode(np.frombuffer(row[name]["bytes"], np.uint8), cv2.IMREAD_COLOR)
            for name in dataset.PICTURES
        )
        assert np.array_equal(chosen[mask == 0], rejected[mask == 0])
        assert np.array_equal(chosen, cv2.imread(str(photos / row["source"])))
        assert row["ssim_inside"] <= 0.85 and row["ssim_outside"] >= 0.98
        captioned = row["source"] == "a/0.png"
        assert row["prompt"] == ("an astronaut, <smiling>" if captioned else "a photo of a person")
    assert [row["source"] for row in rows] == sorted(row["source"] for row in rows)


def test_every_photo_is_accounted_for(built):
    accounts = {row["source"]: row for row in read_rows(built / "photos.jsonl")}
    assert len(accounts) == 8
    assert accounts["damaged.jpg"]["skipped"].startswith(("damaged", "not a JPEG"))
    assert accounts["grey.png"]["pairs"] == 0 and "nobody" in accounts["grey.png"]["skipped"]
    skipped = {row["source"]: row["reason"] for row in read_rows(built / "skipped.jsonl")}
    assert skipped == {name: accounts[name]["skipped"] for name in ("damaged.jpg", "grey.png")}
    rejected = list(read_rows(built / "rejected.jsonl"))
    assert len(rejected) == sum(row["rejected"] for row in accounts.values())
    assert all(row["reason"] for row in rejected)
    assert not (built / ".work").exists()


def test_killed_and_run_again_it_ends_the_same(built, photos, tmp_path):
    out = tmp_path / "hap"
    command = [*COMMAND, str(photos), "--out", str(out), "--degradations", FACES, "--workers", "2"]
    for wanted in (3,):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while len(list((out / ".work").glob("*.json"))) < wanted:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()  # returns once the workers are gone too, for they hold the pipes
    done = list((out / ".work").glob("*.json"))
    assert done and not (out / "data").exists()
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{8 - len(done)} photos in" in ended.stdout
    assert hashes(out) == hashes(built)
    assert ".work" not in {path.name for path in out.iterdir()}


def test_a_killed_worker_is_replaced(built, photos, tmp_path):
    out = tmp_path / "hap"
    command = [*COMMAND, str(photos), "--out", str(out), "--degradations", FACES, "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list((out / ".work").glob("*.json")):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)
    workers = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if parent_of(entry) == process.pid]
    os.kill(max(workers), signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    assert hashes(out) == hashes(built)


def parent_of(entry):
    try:
        return int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return None


def test_a_finished_folder_says_so_and_takes_new_photos(built, photos, tmp_path, capsys):
    some, out = tmp_path / "photos", tmp_path / "hap"
    shutil.copytree(photos, some)
    for name in ("b/1.png", "c/2.png", "grey.png"):
        (some / name).unlink()
    config = Config(some, out, degradations=FACES, workers=1)
    build.run(config)
    before = hashes(out)
    capsys.readouterr()
    build.run(config)
    assert "nothing to do" in capsys.readouterr().out
    assert hashes(out) == before
    shutil.copytree(photos, some, dirs_exist_ok=True)
    build.run(config)
    assert "3 photos in" in capsys.readouterr().out
    assert hashes(out) == hashes(built)


def test_excluded_later_a_photo_leaves_but_a_lost_one_stays(built, photos, tmp_path, capsys):
    some, out = tmp_path / "photos", tmp_path / "hap"
    shutil.copytree(photos, some)
    shutil.copytree(built, out)
    (some / "a" / "0.png").unlink()
    build.run(Config(some, out, degradations=FACES, exclude=("c/*",), workers=1))
    sources = {row["source"] for row in dataset.read(out, ["source"])}
    assert sources == {"a/0.png", "a/3.png", "b/1.png", "b/4.png"}
    assert not any(row["source"].startswith("c/") for row in read_rows(out / "rejected.jsonl"))


def test_killed_before_the_last_step_it_still_ends_the_same(built, photos, tmp_path, monkeypatch):
    out = tmp_path / "hap"
    config = Config(photos, out, degradations=FACES, workers=1)
    rename = Path.rename

    def killed(self, target):
        if self.name == ".work":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        build.run(config)
    monkeypatch.undo()
    build.run(config)
    assert hashes(out) == hashes(built)


def test_bad_requests_give_one_line(built, photos, tmp_path):
    bad = {
        "other settings": Config(photos, built, degradations=FACES, size=512),
        "did you mean": Config(photos, tmp_path / "x", degradations=FACES[:8] + "x"),
        "no such folder": Config(tmp_path / "missing", tmp_path / "x"),
        "--size": Config(photos, tmp_path / "x", size=3),
        "--per-region": Config(photos, tmp_path / "x", per_region=0),
        "--per-photo": Config(photos, tmp_path / "x", per_photo=0),
        "between 0 and 1": Config(photos, tmp_path / "x", lpips_outside=85),
        "not one pair": Config(photos, tmp_path / "x", degradations=FACES, exclude=("*.png",), workers=1),
        "--workers": Config(photos, tmp_path / "x", workers=-3),
        "one of its own": Config(photos, photos),
        "--target 0.5 3 1 0": Config(photos, tmp_path / "x", target=(0.5, 3.0, 1.0, 0.0)),
        "--bands": Config(photos, tmp_path / "x", bands=(0.2, 0.0, 0.1, 0.1)),
        "--tries": Config(photos, tmp_path / "x", tries=0),
        "made with other|other settings": Config(photos, built, degradations=FACES, checks="none"),
    }
    for words, config in bad.items():
        with pytest.raises(UserError, match=words) as caught:
            build.run(config)
        assert "\n" not in str(caught.value)


def test_where_nothing_comes_out_the_reasons_are_told_and_nothing_is_lost(photos, tmp_path, capsys):
    pytest.importorskip("mediapipe")
    some, out = tmp_path / "photos", tmp_path / "hap"
    shutil.copytree(photos / "a", some)
    config = Config(some, out, degradations=FACES, workers=1)
    build.run(config)
    before = hashes(out)
    for path in some.glob("*.png"):
        path.unlink()
    shutil.copy(photos / "grey.png", some / "grey.png")
    capsys.readouterr()
    with pytest.raises(UserError, match="not one pair"):
        build.run(Config(some, out, degradations=FACES, workers=1, exclude=("0.png", "3.png")))
    assert "no pair of grey.png: nobody found" in capsys.readouterr().out
    after = hashes(out)
    assert {name: after[name] for name in before if name != "skipped.jsonl"} == {
        name: value for name, value in before.items() if name != "skipped.jsonl"
    }
    build.run(config)  # photos that are gone keep their pairs
    assert "2 of which are no longer in the folder" in capsys.readouterr().out


def test_a_dataset_among_its_own_photos_is_not_read(photos, tmp_path):
    pytest.importorskip("mediapipe")
    shutil.copytree(photos / "a", tmp_path / "a")
    config = Config(tmp_path, tmp_path / "hap", degradations=FACES, workers=1)
    build.run(config)
    build.run(config)
    assert {row["source"] for row in read_rows(tmp_path / "hap" / "photos.jsonl")} == {"a/0.png", "a/3.png"}


# One photo, with degradations of our own.


def invert(image, region, rng):
    edited = image.copy()
    left = rng.randrange(40, 60)
    edited[40:80, left : left + 40] = 255 - edited[40:80, left : left + 40]
    return edited


def shade(image, region, rng):
    edited = image.copy()
    edited[20:90, 20:90] = (edited[20:90, 20:90] * 0.98).astype(np.uint8)
    return edited


def refuse(image, region, rng):
    raise Unsuitable("finger hidden")


def fail(image, region, rng):
    raise IndexError("list index out of range")


def nothing(image, region, rng):
    return image.copy()


@pytest.fixture
def table(monkeypatch):
    """Five errors of the hand, the first by two degradations; only "invert" passes."""
    entries = {
        name: Entry("hand", error, f"{__name__}:{function}")
        for name, error, function in (
            ("invert", "inverted", "invert"), ("invert_again", "inverted", "invert"),
            ("other", "also inverted", "invert"), ("shade", "shaded", "shade"),
            ("refuse", "missing", "refuse"),
            ("fail", "failing", "fail"), ("nothing", "nothing", "nothing"),
        )
    }  # fmt: skip
    monkeypatch.setattr(
        "asap.pairs.rules.DEGRADATIONS", {**entries, "face": Entry("face", "x", f"{__name__}:fail")}
    )
    monkeypatch.setattr(worker, "DEGRADATIONS", entries)
    monkeypatch.setattr(degradations, "DEGRADATIONS", entries)
    return entries


def hand(seed=0):
    points = np.random.default_rng(seed).uniform(40, 120, (21, 2))
    return Region("hand", np.ones((160, 160), bool), points, 0.9)


def tried(table, per_region, photo="0" * 16, regions=1, per_photo=99):
    image = np.random.default_rng(3).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    rules = worker.Rules(160, tuple(table), per_region, per_photo, 0, Gates(0.85, 0.5))
    rejected = []
    chosen = Photo(photo, Path("x.png"), "x.png", "two words")
    return list(worker.attempts(image, [hand(i) for i in range(regions)], chosen, rules, rejected)), rejected


def test_of_each_error_one_pair_and_no_more_than_asked(table):
    pairs, _ = tried(table, 9)
    assert sorted(pair.error for pair in pairs) == ["also inverted", "inverted"]
    pairs, _ = tried(table, 1)
    assert len(pairs) == 1
    assert pairs[0].prompt == "two words" and pairs[0].box[3] > pairs[0].box[1]


def test_regions_take_turns_and_share_what_a_photo_may_have(table):
    every, _ = tried(table, 2, regions=5)
    capped, _ = tried(table, 2, regions=5, per_photo=7)
    assert len(every) == 10 and [p.id for p in capped] == [p.id for p in every[:7]]
    numbers = {p.id: i for i in range(5) for p in tried_of(table, i)}
    assert sorted(numbers[p.id] for p in every[:5]) == [0, 1, 2, 3, 4]
    assert [numbers[p.id] for p in every[:5]] == [numbers[p.id] for p in every[5:]] != [0, 1, 2, 3, 4]


def tried_of(table, index):
    image = np.random.default_rng(3).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    rules = worker.Rules(160, tuple(table), 9, 99, 0, Gates(0.85, 0.5))
    photo = Photo("0" * 16, Path("x.png"), "x.png", "two words")
    return worker.pairs_of(image, hand(index), index, photo, "two words", rules, [])


def test_rejected_attempts_keep_their_reason_and_numbers(table):
    _, rejected = tried(table, 9)
    reasons = {row["degradation"]: row["reason"] for row in rejected}
    assert reasons["refuse"] == "finger hidden"
    assert reasons["fail"] == "failed: IndexError: list index out of range"
    assert reasons["nothing"] == "nothing changed"
    assert "visible" in reasons["shade"]
    shaded = next(row for row in rejected if row["degradation"] == "shade")
    assert shaded["metrics"]["ssim_inside"] > 0.85
    assert json.dumps(shaded["box"])


def test_choices_depend_on_the_photo_and_region_and_are_repeated(table):
    first, again, other = (tried(table, 2, photo, 12)[0] for photo in ("c" * 16, "c" * 16, "b" * 16))
    assert [(p.id, p.seed, p.degradation, p.box) for p in first] == [
        (p.id, p.seed, p.degradation, p.box) for p in again
    ]
    assert not {p.id for p in first} & {p.id for p in other}
    assert len({p.id for p in first}) == len(first) == 24
    assert {p.degradation for p in first} == {"invert", "invert_again", "other"}


def test_errors_come_first_equally_often(table):
    first = Counter(table[worker.ordered(tuple(table), "hand", seed)[0]].error for seed in range(600))
    assert len(first) == 6
    assert min(first.values()) > 60
    order = worker.ordered(tuple(table), "hand", 5)
    assert sorted(order) == sorted(table)
    assert "invert" in order[-1]  # the second of its error comes after all others


def test_descriptions():
    parts = {"hand": 0, "face": 0, "body": 0}

    def told(**counts):
        regions = [
            Region(p, np.ones((1, 1), bool), np.zeros((1, 2)), 1) for p, n in counts.items() for _ in range(n)
        ]
        random.Random(0).shuffle(regions)
        return worker.describe(regions)

    assert told(**parts) == "a photo of people"
    assert told(face=1, body=1) == "a photo of a person"
    assert told(face=1, body=2, hand=3) == "a photo of two people, three hands visible"
    assert told(hand=1) == "a photo of one hand"
    assert told(face=12, hand=1) == "a photo of 12 people, one hand visible"


@pytest.fixture
def copied(built, tmp_path):
    """A finished dataset, to be changed."""
    return shutil.copytree(built, tmp_path / "hap")


def decide(folder, **words):
    rows = ({"id": pair, "decision": word} for pair, word in words.items())
    (folder / "decisions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_rejected_pair_stays_out_and_comes_back_when_it_is_not(built, copied, photos, capsys):
    ids = [row["id"] for row in dataset.read(built, ["id"])]
    config = Config(photos, copied, degradations=FACES, workers=1)
    decide(copied, **{ids[0]: "reject", ids[1]: "unsure", ids[2]: "keep", "0123": "reject"})
    build.run(config)
    out = capsys.readouterr().out
    assert f"split: train {len(ids) - 1} pairs, test 0 pairs" in out
    assert "decisions: 3 on pairs; 1 pair is left out\n  1 names no pair of this dataset: 0123\n" in out
    assert [row["id"] for row in dataset.read(copied, ["id"])] == ids[1:]
    build.run(config)
    out = capsys.readouterr().out
    assert f"nothing to do; {len(ids) - 1} pairs" in out and "1 names no pair of this dataset: 0123" in out
    decide(copied, **{ids[0]: "keep"})
    build.run(config)
    assert "1 photo in" in capsys.readouterr().out
    (copied / "decisions.jsonl").unlink()
    assert hashes(copied) == hashes(built)


def test_a_pair_that_a_reviewer_rejects_stays_out_until_it_is_undone(built, copied, photos):
    pair = next(iter(dataset.read(built, ["id"])))["id"]
    config, kept = Config(photos, copied, degradations=FACES, workers=1), Journal(copied / "reviews.sqlite")
    kept.add(Answer("1", pair, "ana", "reject"))
    build.run(config)
    assert pair not in [row["id"] for row in dataset.read(copied, ["id"])]
    kept.add(Answer("2", pair, "ana", "", undoes="1"))
    build.run(config)
    kept.close()
    (copied / "reviews.sqlite").unlink()
    assert hashes(copied) == hashes(built)


def test_a_licence_for_all_and_one_of_a_photos_own(built, copied, photos, tmp_path):
    some = shutil.copytree(photos, tmp_path / "photos")
    (some / "metadata.jsonl").write_text('{"file_name": "b/1.png", "licence": "CC BY 4.0"}\n')
    build.run(Config(some, copied, degradations=FACES, license="my own", workers=1))
    found = {row["source"]: row["license"] for row in dataset.read(copied, ["source", "license"])}
    assert found["b/1.png"] == "CC BY 4.0" and set(found.values()) == {"CC BY 4.0", "my own"}
    assert not [row for row in read_rows(copied / "skipped.jsonl") if "metadata" in row["source"]]
    assert "| my own |" in (copied / "README.md").read_text()


def test_a_split_keeps_near_duplicates_together_and_stays(built, copied, photos, capsys):
    """The six portraits are near duplicates of one another, moved by a pixel, half of them mirrored."""
    config = Config(photos, copied, degradations=FACES, test_share=0.999, workers=1)
    with pytest.raises(UserError, match="all lie in the test split"):
        build.run(config)
    assert hashes(copied) == hashes(built)
    build.run(Config(photos, copied, degradations=FACES, test_share=1e-9, workers=1))
    assert {len(list(dataset.read(copied, ["id"], split))) > 0 for split in ("train", "test")} == {
        True,
        False,
    }
    build.run(Config(photos, copied, degradations=FACES, workers=1))  # as it was split before
    assert "nothing to do" in capsys.readouterr().out
    for share, words in ((0.5, "was split with --test-share 1e-09"), (1.0, "between 0 and 1")):
        with pytest.raises(UserError, match=words):
            build.run(Config(photos, copied, degradations=FACES, test_share=share, workers=1))


@pytest.fixture
def by_hash(monkeypatch):
    """Near duplicates by hashes made by hand alone, for the pictures are all parts of one portrait."""
    monkeypatch.setattr(thumbnails, "alike", lambda *_: [])


def finished(folder, pairs, terms, gone=()):
    """A dataset of pairs made by hand, put together as at the end of a build."""
    (folder / ".work").mkdir(parents=True)
    new = {}
    for source, row in pairs.items():
        new[source] = {
            "source": source,
            "key": source,
            "id": source,
            "pairs": 1,
            "rejected": [],
            "skipped": None,
        }
        dataset.write_shard(folder / ".work" / f"{source}.parquet", [row | {"source": source}])
    before = {row["source"]: row for row in read_rows(folder / "photos.jsonl") if row["source"] not in gone}
    return ledger.finish(folder, before, new, "HAP", [], terms)


def test_photos_added_later_go_where_their_near_duplicates_are(tmp_path, by_hash):
    def pair(index, distance=0):
        bits = int(np.random.default_rng(index).bytes(32).hex(), 16) ^ (
            ((1 << distance) - 1) << (255 - distance)
        )
        return hap.row(index, perceptual_hash=f"{bits:064x}", source_hash=f"{index}-{distance}")

    out, terms = tmp_path / "hap", Terms(test_share=0.5)
    assert finished(out, {f"{i}": pair(i) for i in range(8)}, terms) == []
    placed = {row["source"]: s for s in ("train", "test") for row in dataset.read(out, ["source"], s)}
    assert set(placed.values()) == {"train", "test"}
    assert finished(out, {f"{i}b": pair(i, 40) for i in range(8)}, terms) == []
    after = {row["source"]: s for s in ("train", "test") for row in dataset.read(out, ["source"], s)}
    assert placed.items() <= after.items() and all(after[f"{i}b"] == placed[f"{i}"] for i in range(8))
    ids = [row["source"] for row in dataset.read(out, ["source"], "train")]
    assert ids == sorted(ids)


def test_a_photo_made_anew_stays_in_its_split(tmp_path, by_hash):
    """It was in test for its group's sake, which is gone; alone it would be in train."""
    bits = {"a": hap.row(0, source_hash="a" * 16), "b": hap.row(0, source_hash="b" * 16)}
    out, terms = tmp_path / "hap", Terms(test_share=0.5)
    for number in range(40):
        pairs = {name: row | {"source_hash": f"{name}{number}"} for name, row in bits.items()}
        alone = splits.assign({"b": splits.Shot(f"b{number}", pairs["b"]["perceptual_hash"])}, 0.5)["b"]
        both = {name: splits.Shot(f"{name}{number}", row["perceptual_hash"]) for name, row in pairs.items()}
        if alone == "train" and splits.assign(both, 0.5)["b"] == "test":
            break
    finished(out, pairs | {"c": hap.row(5), "d": hap.row(9)}, terms)
    before = {row["source"] for row in dataset.read(out, ["source"], "test")}
    finished(out, {"d": hap.row(9)}, terms, gone=("a",))
    finished(out, {"b": pairs["b"] | {"prompt": "another caption"}}, terms)
    assert "b" in before and "b" in {row["source"] for row in dataset.read(out, ["source"], "test")}


def test_a_photo_near_both_splits_is_left_out(tmp_path, by_hash):
    def pair(index, distance):
        return hap.row(index, perceptual_hash=f"{((1 << distance) - 1) << (255 - distance):064x}")

    out, ends = tmp_path / "hap", {"a": pair(0, 0), "b": pair(1, 140)}
    for share in (n / 20 for n in range(1, 20)):  # one that parts the two
        shutil.rmtree(out, ignore_errors=True)
        try:
            finished(out, ends, Terms(test_share=share))
        except UserError:
            continue
        if dataset.files(out, "test"):
            break
    assert finished(out, {"c": pair(2, 70)}, Terms(test_share=share)) == ["c"]
    assert sorted(row["source"] for row in dataset.read(out, ["source"])) == ["a", "b"]


def test_pairs_of_an_earlier_version_are_hashed_for_the_split(tmp_path, by_hash):
    rows = {"a": hap.row(0, perceptual_hash=None), "b": hap.row(0, perceptual_hash=None), "c": hap.row(5)}
    finished(tmp_path / "hap", rows, Terms())
    finished(tmp_path / "hap", {"d": hap.row(0)}, Terms(test_share=0.4))
    found = {row["source"]: (row["perceptual_hash"], s) for s in ("train", "test")
             for row in dataset.read(tmp_path / "hap", ["source", "perceptual_hash"], s)}  # fmt: skip
    assert found["a"] == found["b"] == found["d"] and found["a"][0] is not None
