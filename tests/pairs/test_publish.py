"""Publishing: to folders, object storage in memory, and a hub on loopback; what never leaves the machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import datasets
import fsspec
import huggingface_hub
import pytest

import hap
from asap.errors import UserError
from asap.pairs.exchange import publish
from asap.pairs.exchange.publish import Config, bare, kind_of
from asap.pairs.hap import dataset
from loopback import served

TOKEN = "hf_" + "x" * 34
FILES = {
    "README.md",
    "about.json",
    "contact_sheet.html",
    "preview.webp",
    "data/train-00000-of-00001.parquet",
    "data/test-00000-of-00001.parquet",
}


@pytest.fixture
def made(tmp_path):
    return hap.write(tmp_path / "hap")


def decide(folder, *rows):
    (folder / "decisions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def hashes(folder):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files(folder)}


def test_a_folder_gets_the_dataset_and_nothing_else(made, tmp_path):
    for name in ("photos.jsonl", "config.json", "skipped.jsonl", "notes.txt"):
        (made / name).write_text(f"{tmp_path}\n")
    publish.run(Config(made, str(tmp_path / "out")))
    assert files(tmp_path / "out") == FILES
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 3, "test": 1}
    assert str(tmp_path).encode() not in b"".join((tmp_path / "out" / name).read_bytes() for name in FILES)


def test_published_twice_it_is_the_same_bytes(made, tmp_path):
    publish.run(Config(made, str(tmp_path / "a")))
    publish.run(Config(made, str(tmp_path / "b")))
    publish.run(Config(made, str(tmp_path / "b")))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_what_people_decided_is_honoured(made, tmp_path, capsys):
    decide(
        made,
        {"id": hap.pair(1).id, "decision": "reject"},
        {"id": hap.pair(2).id, "decision": "reject"},
        {"id": hap.pair(2).id, "decision": "keep"},  # the last one counts
        {"id": hap.pair(3).id, "decision": "wrong label", "error": "crooked mouth"},
        {"id": hap.pair(0).id, "decision": "wrong label"},
        {"id": "gone", "decision": "reject"},
    )
    publish.run(Config(made, str(tmp_path / "out")))
    found = {row["id"]: row["error"] for row in dataset.read(tmp_path / "out", ["id", "error"])}
    assert found == {
        hap.pair(0).id: "unnamed",
        hap.pair(2).id: "twisted mouth",
        hap.pair(3).id: "crooked mouth",
    }
    assert "3 pairs, 1 rejected ones left out" in capsys.readouterr().out
    assert len(list(dataset.read(made))) == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "1", "decision": "delete"}', "none of keep, reject, wrong label, unsure"),
        ('{"pair": "1", "decision": "reject"}', "row 1: expected"),
        ("rubbish", "line 1: not JSON"),
    ],
)
def test_damaged_decisions_stop_it(made, tmp_path, line, words):
    (made / "decisions.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=words):
        publish.run(Config(made, str(tmp_path / "out")))


def test_absolute_sources_lose_their_folders(tmp_path):
    hap.write(tmp_path / "hap", source="/home/someone/private/a.png", tests=0)
    publish.run(Config(tmp_path / "hap", str(tmp_path / "out")))
    assert {row["source"] for row in dataset.read(tmp_path / "out", ["source"])} == {"a.png"}
    assert b"someone" not in b"".join(
        (tmp_path / "out" / name).read_bytes() for name in files(tmp_path / "out")
    )
    assert [bare(x) for x in ("a/b.png", "/a/b.png", r"C:\me\b.png", r"\\host\me\b.png")] == [
        "a/b.png",
        *["b.png"] * 3,
    ]


def test_an_unfinished_dataset_is_refused(made, tmp_path):
    (made / ".work").mkdir()
    with pytest.raises(UserError, match="unfinished"):
        publish.run(Config(made, str(tmp_path / "out")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no finished dataset"):
        publish.run(Config(tmp_path / "empty", str(tmp_path / "out")))
    with pytest.raises(UserError, match="no such folder"):
        publish.run(Config(tmp_path / "missing", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists() and not (tmp_path / "missing").exists()


def test_other_things_are_not_written_over(made, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for target, words in (
        ("mine", "other things"),
        ("hap", "the dataset itself"),
        ("hap/inside", "lies in the other"),
    ):
        with pytest.raises(UserError, match=words):
            publish.run(Config(made, str(tmp_path / target)))
    assert files(tmp_path / "mine") == {"thesis.txt"}


def test_what_a_target_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there" / "hap").mkdir(parents=True)
    assert kind_of("someone/hap") == "hub"
    assert {kind_of(x) for x in ("./someone/hap", "../x", "/a/b", "hap", "a/b/c", "there/hap", "~/hap")} == {
        "folder"
    }
    assert {kind_of(x) for x in ("s3://bucket/hap", "memory://hap", "file:///tmp/x")} == {"url"}


def test_a_plain_new_name_is_a_folder_as_the_help_says(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        publish.main(["--help"])
    told = " ".join(re.sub("[^\\w./,:]", " ", capsys.readouterr().out).split())
    assert "or a folder: any other path, such as NAME" in told
    publish.run(Config(made, "plain"))
    assert capsys.readouterr().out.startswith("folder plain: 4 pairs")
    assert files(tmp_path / "plain") == FILES


def test_object_storage_by_fsspec(made, tmp_path):
    storage = fsspec.filesystem("memory")
    publish.run(Config(made, "memory://shop/hap"))
    (old,) = storage.glob("/shop/hap/data/train-*")
    storage.pipe("/shop/hap/data/train-00001-of-00002.parquet", b"of before")
    publish.run(Config(made, "memory://shop/hap"))
    found = {name.removeprefix("/shop/hap/") for name in storage.find("/shop/hap")}
    assert found == FILES and old in storage.find("/shop/hap")
    publish.run(Config(made, str(tmp_path / "out")))
    assert all(storage.cat(f"/shop/hap/{name}") == (tmp_path / "out" / name).read_bytes() for name in FILES)
    assert not (made / ".publish").exists()
    with pytest.raises(UserError, match=r"cannot write to nothing://x"):
        publish.run(Config(made, "nothing://x"))


class Hub:
    """The few endpoints of the hub that an upload needs; what was committed is in `files`."""

    def __init__(self, private=True, status=200):
        self.files: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.created: list[dict] = []
        self.private, self.status = private, status
        self.tokens: set[str | None] = set()
        self.url = ""

    def answer(self, method, path, headers, body):
        self.tokens.add(headers.get("authorization"))
        path = path.partition("?")[0]
        if self.status != 200:
            return self.status, {"error": "You have no rights here"}
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return 200, {"url": f"{self.url}/datasets/me/hap", "name": "me/hap", "id": "x"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            modes = {True: "lfs", False: "regular"}
            return 200, {
                "files": [
                    {
                        "path": f["path"],
                        "uploadMode": modes[f["path"].endswith(".parquet")],
                        "shouldIgnore": False,
                    }
                    for f in asked
                ]
            }
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                o | {"actions": {"upload": {"href": f"{self.url}/blob/{o['oid']}"}}}
                for o in json.loads(body)["objects"]
            ]
            return 200, {"transfer": "basic", "objects": objects}
        if path.startswith("/blob/"):
            self.blobs[path.removeprefix("/blob/")] = body
            return 200, {}
        if "/commit/" in path:
            return 200, self.commit([json.loads(line) for line in body.splitlines()])
        if "/tree/" in path:
            return 200, [{"type": "file", "path": name, "oid": "0" * 40, "size": 1} for name in self.files]
        if re.fullmatch(r"/api/datasets/me/hap(/revision/main)?", path):
            names = [{"rfilename": name} for name in self.files]
            return 200, {"id": "me/hap", "private": self.private, "sha": "0" * 40, "siblings": names}
        return 404, {"error": f"unknown: {method} {path}"}

    def commit(self, operations):
        for operation in operations:
            key, value = operation["key"], operation["value"]
            if key == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                self.files[value["path"]] = self.blobs[value["oid"]]
            elif key == "deletedFile":
                del self.files[value["path"]]
        return {
            "commitUrl": f"{self.url}/datasets/me/hap/commit/{'1' * 40}",
            "commitOid": "1" * 40,
            "success": True,
        }


@contextmanager
def serving(hub):
    class Handler(BaseHTTPRequestHandler):
        def respond(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply = hub.answer(self.command, self.path, headers, body)
            data = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_HEAD = respond  # noqa: N815

        def log_message(self, *_):
            pass

    with served(Handler) as hub.url:
        yield hub


def to_hub(folder: Path, hub, *options, token=TOKEN):
    """`asap publish` in a process of its own, for the hub's address is read at import."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": token,
        "HF_HOME": str(folder.parent / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    code = "import sys; from asap.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "publish", str(folder), "me/hap", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder.parent)


def test_to_the_hub_private_and_without_stale_files(made, tmp_path):
    publish.run(Config(made, str(tmp_path / "out")))
    with serving(Hub()) as hub:
        hub.files["data/train-00000-of-00009.parquet"] = b"of before"
        hub.files["notes.md"] = b"the user's own"
        done = to_hub(made, hub)
        assert done.returncode == 0, done.stderr
        assert "me/hap: 4 pairs" in done.stdout
        assert hub.created[0]["type"] == "dataset" and hub.created[0]["visibility"] == "private"
        assert hub.files.pop("notes.md") == b"the user's own"
        card = huggingface_hub.DatasetCard(hub.files.pop("README.md").decode())
        files = FILES - {"README.md"}
        assert hub.files == {name: (tmp_path / "out" / name).read_bytes() for name in files}
        (default,) = card.data.to_dict()["configs"]
        assert default["data_files"] == [
            {"split": "train", "path": "data/train-*.parquet"},
            {"split": "test", "path": "data/test-*.parquet"},
        ]
        assert f"Bearer {TOKEN}" in hub.tokens


def test_a_public_repository_wants_a_word(made):
    with serving(Hub(private=False)) as hub:
        refused = to_hub(made, hub)
        assert refused.returncode == 2 and "is public on the hub; give --public" in refused.stderr
        assert not hub.files
        assert to_hub(made, hub, "--public").returncode == 0
        assert hub.created[-1]["visibility"] == "public" and hub.files.keys() == FILES


@pytest.mark.parametrize(
    ("status", "token", "words"),
    [
        (401, TOKEN, "refuses your token"),
        (403, TOKEN, "no right to write me/hap"),
        (200, "", "no token for the hub"),
    ],
)
def test_refusals_of_the_hub_in_one_line(made, status, token, words):
    with serving(Hub(status=status)) as hub:
        done = to_hub(made, hub, token=token)
    assert done.returncode == 2 and words in done.stderr
    assert done.stderr.strip().count("\n") == 0 and TOKEN not in done.stderr
    assert not (made / ".publish").exists()
