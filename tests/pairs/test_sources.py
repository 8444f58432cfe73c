"""Photos from shards, tables, datasets and object storage: the same photos as from a folder."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants
from PIL import Image
from skimage import data

from asap.errors import UserError
from asap.pairs import build
from asap.pairs.hap import dataset
from asap.pairs.sources import storage, tables
from asap.pairs.sources.find import find_photos
from asap.pairs.sources.tables import Columns
from asap.records import Photo
from asap.store import read_rows

ASTRONAUT = data.astronaut()
FACES = "mouth_twisted,nose_displaced"


def picture(index: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    part = ASTRONAUT[index : 320 + index, 60 + index : 380 + index]
    Image.fromarray(part if index % 2 else part[:, ::-1]).save(file, kind, quality=95)
    return file.getvalue()


PICTURES = [picture(index, ("PNG", "JPEG")[index % 2]) for index in range(4)]


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def table(path: Path, rows: int = 4, group: int = 3) -> Path:
    pictures = pa.array(
        [{"bytes": picture, "path": None} for picture in PICTURES[:rows]],
        pa.struct({"bytes": pa.binary(), "path": pa.string()}),
    )
    columns = {"photo": pictures, "text": ["one", " ", None, "four  words"][:rows]}
    columns["license"] = ["CC0", None, "CC-BY", ""][:rows]
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def told(photos: list[Photo]) -> dict[str, tuple[str | None, str | None]]:
    return {photo.source: (photo.caption, photo.licence) for photo in photos}


def contents(photos: list[Photo]) -> list[bytes]:
    """The photos' bytes, as another process would get them."""
    found = [pickle.loads(pickle.dumps(photo)).file.read_bytes() for photo in photos]  # noqa: S301
    assert [storage.bytes_id(content) for content in found] == [photo.id for photo in photos]
    return found


def test_a_shard_gives_its_photos_with_captions_and_licences(tmp_path: Path) -> None:
    members = {
        "a/0.png": PICTURES[0], "a/0.txt": b"\xef\xbb\xbfbeside\n it", "a/0.json": b'{"caption": "in json"}',
        "a/1.json": b'{"text": "two  words", "license": "CC0", "width": 3}', "a/1.JPG": PICTURES[1],
        "a/2.seg.png": PICTURES[3], "a/2.png": PICTURES[2],
        "a/3.png": PICTURES[3], "a/3.json": b"[1]",
        "a/.4.png": PICTURES[3], "lone.txt": b"no photo",
        "5.png": b"", "6.png": PICTURES[0],
    }  # fmt: skip
    photos, skipped = find_photos(shard(tmp_path / "some.tar", members))
    assert told(photos) == {
        "some.tar/a/0.png": ("beside it", None),
        "some.tar/a/1.JPG": ("two words", "CC0"),
        "some.tar/a/2.png": (None, None),
    }
    assert contents(photos) == PICTURES[:3]
    reasons = {left.source: left.reason for left in skipped}
    assert reasons.keys() == {f"some.tar/{name}" for name in ("a/3.png", "lone.txt", "5.png", "6.png")}
    assert "a/3.json is no json" in reasons["some.tar/a/3.png"]
    assert reasons["some.tar/6.png"] == "the same bytes as some.tar/a/0.png"


def test_shards_by_pattern_by_folder_and_by_star_are_the_same(tmp_path: Path) -> None:
    for index in range(3):
        shard(tmp_path / f"s-{index:03d}.tar", {"x.png": PICTURES[index]})
    by_braces, _ = find_photos(f"{tmp_path}/s-{{000..002}}.tar")
    assert [photo.source for photo in by_braces] == [f"s-{index:03d}.tar/x.png" for index in range(3)]
    for source in (f"{tmp_path}/*.tar", f"{tmp_path}", f"file://{tmp_path}/s-*.tar"):
        photos, _ = find_photos(source)
        assert told(photos) == told(by_braces) and contents(photos) == PICTURES[:3]
    photos, _ = find_photos(tmp_path, ("s-001.tar/*",))
    assert [photo.source for photo in photos] == ["s-000.tar/x.png", "s-002.tar/x.png"]
    assert storage.expanded("{8..10}-{0..1}") == ["8-0", "8-1", "9-0", "9-1", "10-0", "10-1"]


def test_of_a_broken_shard_what_is_whole_counts(tmp_path: Path) -> None:
    whole = shard(tmp_path / "a.tar", {"0.png": PICTURES[0], "1.png": PICTURES[1]}).read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: len(PICTURES[0]) + 3000])
    with tarfile.open(tmp_path / "b.tar", "w:gz") as tar:
        tar.add(tmp_path / "a.tar", "a.png")
    photos, skipped = find_photos(tmp_path)
    assert [photo.source for photo in photos] == ["a.tar/0.png"]
    assert [left.source for left in skipped] == ["a.tar", "b.tar"]


def test_a_table_gives_its_photos(tmp_path: Path) -> None:
    photos, skipped = find_photos(table(tmp_path / "a.parquet"))
    assert told(photos) == {
        "a.parquet/000000": ("one", "CC0"),
        "a.parquet/000001": (None, None),
        "a.parquet/000002": (None, "CC-BY"),
        "a.parquet/000003": ("four words", None),
    }
    assert not skipped and contents(photos) == PICTURES
    assert contents(photos[::-1]) == PICTURES[::-1]  # any order, though a rising one is quick
    named, _ = find_photos(tmp_path / "a.parquet", columns=Columns("photo", "license"))
    assert [photo.caption for photo in named] == ["CC0", None, "CC-BY", None]


def test_the_column_of_photos_has_to_be_plain(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [b"x"], "b": [b""], "c": ["words"]}), tmp_path / "two.parquet")
    pq.write_table(pa.table({"c": ["words"]}), tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    spoiled = bytearray(table(tmp_path / "spoiled.parquet").read_bytes())
    spoiled[4:200] = bytes(196)
    (tmp_path / "spoiled.parquet").write_bytes(spoiled)
    for name, columns, words in (
        ("two", Columns(), "--image-column, one of a, b"),
        ("two", Columns("d"), "no column 'd'"),
        ("none", Columns(), "which column"),
        ("text", Columns(), "not a whole parquet"),
        ("spoiled", Columns(), "cannot be read to its end"),
    ):
        with pytest.raises(UserError, match=words):
            find_photos(tmp_path / f"{name}.parquet", columns=columns)
    photos, skipped = find_photos(tmp_path / "two.parquet", columns=Columns("b"))
    assert not photos and [left.reason for left in skipped] == ["no picture in this row"]


def test_a_dataset_saved_or_loaded_by_name(tmp_path: Path) -> None:
    rows = {"photo": [Image.open(io.BytesIO(content)) for content in PICTURES[::2]], "caption": ["a", "b"]}
    features = datasets.Features({"photo": datasets.Image(), "caption": datasets.Value("string")})
    made = datasets.Dataset.from_dict(rows, features)
    datasets.DatasetDict({"fine": made}).save_to_disk(tmp_path / "saved")
    (tmp_path / "data").mkdir()
    table(tmp_path / "data" / "train-00000.parquet")
    saved, _ = find_photos(tmp_path / "saved", split="fine")
    assert told(saved) == {"fine/000000": ("a", None), "fine/000001": ("b", None)}
    assert [Image.open(io.BytesIO(content)).size for content in contents(saved)] == [(320, 320)] * 2
    loaded, _ = find_photos(f"hf:{tmp_path / 'data'}")
    assert contents(loaded) == PICTURES
    assert told(loaded)["train/000003"] == ("four words", None)
    with pytest.raises(UserError, match="split coarse: datasets cannot load it"):
        find_photos(tmp_path / "saved", split="coarse")


def test_a_dataset_is_told_in_one_line_where_there_is_no_network(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9" + template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(UserError, match=r"hf:some/photos: .*cannot be asked for it .*; check the network"):
        find_photos("hf:some/photos")
    assert time.monotonic() - started < 20 and not caplog.records  # tries again would take 23 s


@pytest.mark.parametrize("name", ["photos.tar.gz", "photos.zip", "notes.pdf", "nothing"])
def test_what_is_no_source_is_told_what_would_be(tmp_path: Path, name: str) -> None:
    if name != "nothing":
        (tmp_path / name).write_bytes(b"packed")
    with pytest.raises(UserError, match=r"a folder of photos, \.tar shards, .* hf:NAME") as raised:
        find_photos(tmp_path / name)
    assert ("unpack it" in str(raised.value)) == (name in ("photos.tar.gz", "photos.zip"))


def test_object_storage_holds_folders_shards_and_tables(tmp_path: Path) -> None:
    disk = tmp_path / "photos"
    for name, content in {
        "b/0.png": PICTURES[0], "b/0.txt": b"beside", "a.jpg": PICTURES[1], "b/c/2.png": PICTURES[2],
        "metadata.jsonl": b'{"file_name": "b/c/2.png", "license": "CC0"}\n{"file_name": "z"}\n',
        "b/c/metadata.jsonl": json.dumps({"file_name": "2.png", "text": "near"}).encode(),
        "notes.pdf": b"%PDF", "b/empty.png": b"",
    }.items():  # fmt: skip
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).write_bytes(content)
    memory = fsspec.filesystem("memory")
    memory.put(str(disk), "/bucket/photos", recursive=True)
    memory.put(str(shard(tmp_path / "a.tar", {"0.png": PICTURES[0]})), "/bucket/shards/a.tar")
    memory.put(str(table(tmp_path / "a.parquet")), "/bucket/tables/a.parquet")
    photos, skipped = find_photos("memory://bucket/photos")
    here, left = find_photos(disk)
    assert told(photos) == told(here) and sorted(skipped) == sorted(left)
    assert sorted(contents(photos)) == sorted(contents(here)) == sorted(PICTURES[:3])
    assert told(photos)["b/c/2.png"] == ("near", "CC0")
    assert contents(find_photos("memory://bucket/shards")[0]) == PICTURES[:1]
    assert contents(find_photos("memory://bucket/tables/*.parquet")[0]) == PICTURES
    memory.rm("/bucket", recursive=True)
    with pytest.raises(storage.Unreachable):
        photos[0].file.read_bytes()


@pytest.mark.parametrize(
    ("source", "words"),
    [("memory://nothing", "nothing there"), ("odd://x", "not at hand"), ("none.tar", "no such folder")],
)
def test_a_source_that_is_not_there(source: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        find_photos(source)
    assert "\n" not in str(caught.value)


def test_a_reader_keeps_a_few_rows_at_a_time(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [bytes([i]) * 9 for i in range(40)]}), tmp_path / "a.parquet")
    reader = tables._Reader(str(tmp_path / "a.parquet"), "image")
    assert [reader.at(i)[0] for i in (0, 7, 8, 39, 3, 3)] == [0, 7, 8, 39, 3, 3]  # type: ignore[index]
    with pytest.raises(IndexError):
        reader.at(40)


def pairs(folder: Path) -> dict[str, tuple[object, ...]]:
    rows = dataset.read(folder)
    return {row["id"]: tuple(v for k, v in row.items() if k not in ("id", "source")) for row in rows}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A shard, and the dataset made from it."""
    pytest.importorskip("mediapipe")
    folder = tmp_path_factory.mktemp("whole")
    made = shard(folder / "a.tar", {f"{i}.png": content for i, content in enumerate(PICTURES)})
    return made, build.run(build.Config(f"file://{made}", folder / "hap", degradations=FACES, workers=1))


def test_pairs_of_a_shard_are_those_of_the_folder(whole: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for index, content in enumerate(PICTURES):
        (tmp_path / "photos" / f"{index}.png").write_bytes(content)
    hap = build.run(build.Config(tmp_path / "photos", tmp_path / "hap", degradations=FACES, workers=1))
    assert len(pairs(hap)) >= 5
    assert pairs(hap) == pairs(whole[1])
    sources = {row["source"] for row in dataset.read(whole[1], ["source"])}
    assert sources <= {f"a.tar/{index}.png" for index in range(4)}


def test_what_storage_did_not_give_is_tried_again_when_asked(
    whole: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = whole[0].read_bytes()
    (tmp_path / "a.tar").write_bytes(content)
    config = build.Config(f"file://{tmp_path}/a.tar", tmp_path / "hap", degradations=FACES, workers=1)

    def lost(*args: object, **named: object) -> object:
        found = find_photos(*args, **named)  # type: ignore[arg-type]
        (tmp_path / "a.tar").write_bytes(content[: len(content) // 2])
        return found

    monkeypatch.setattr(build, "find_photos", lost)
    build.run(config)
    monkeypatch.undo()
    (tmp_path / "a.tar").write_bytes(content)
    failed = [row["source"] for row in read_rows(tmp_path / "hap" / "skipped.jsonl")]
    assert failed and set(pairs(tmp_path / "hap")) < set(pairs(whole[1]))
    build.run(config)  # not asked, it leaves them as they are
    assert [row["source"] for row in read_rows(tmp_path / "hap" / "skipped.jsonl")] == failed
    build.run(replace(config, retry_failed=True))
    assert pairs(tmp_path / "hap") == pairs(whole[1])
    for name in ("photos.jsonl", "skipped.jsonl", "rejected.jsonl", "README.md", "contact_sheet.html"):
        assert (tmp_path / "hap" / name).read_bytes() == (whole[1] / name).read_bytes(), name
