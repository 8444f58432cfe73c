"""`asap review` as a server: what it answers, and that nothing else can be had from it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import hap
import reviews
from asap.errors import UserError
from asap.pairs.hap import dataset, decisions
from asap.store import Row
from asap.web import journal

pytest.importorskip("starlette", reason="the extra `review` is not installed")
pytest.importorskip("uvicorn", reason="the extra `review` is not installed")

SECRET = "the secret beside the dataset"
FIRST, SECOND, THIRD, FOURTH = (f"{index:016x}" for index in range(4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of four pairs: one whose picture is a page, and one whose picture only names a file."""
    place = tmp_path_factory.mktemp("server")
    (place / "secret.txt").write_text(SECRET)
    rows = list(reviews.rows(4))
    rows[2]["chosen"] = {"bytes": b"<html><script>alert(1)</script>", "path": "a.png"}
    rows[3]["rejected"] = {"bytes": None, "path": str(place / "secret.txt")}
    made = place / "hap"
    dataset.write(made, rows[:2], title="HAP: a test")
    dataset.write_shard(dataset.files(made)[0], rows)  # `write` would look at the pictures
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[reviews.Server]:
    with reviews.serving(folder) as running:
        yield running


@pytest.fixture
def client(server: reviews.Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"origin": server.url}, timeout=60) as asking:
        yield asking


def decision(**changes: object) -> Row:
    return {"key": "k", "pair": FIRST, "who": "ana", "word": "keep", "undoes": None} | changes


def test_it_tells_the_dataset_and_hands_on_the_pictures(client: httpx.Client, folder: Path) -> None:
    told = client.get("/api/dataset").json()
    assert told["ids"] == [FIRST, SECOND, THIRD, FOURTH] and told["title"] == "HAP: a test"
    assert told["columns"]["error"] == {"words": ["twisted mouth", "shifted eye"], "codes": [0, 1, 0, 1]}
    assert told["columns"]["ssim_inside"]["numbers"][1] == round(37 / 101, 4)
    rows = {row["id"]: row for row in dataset.read(folder)}
    for name in ("chosen", "rejected", "mask"):
        reply = client.get(f"/pictures/any/{SECOND}/{name}.png")
        assert reply.content == rows[SECOND][name]["bytes"]
        assert reply.headers["content-type"] == "image/png" and "immutable" in reply.headers["cache-control"]
    facts = client.get(f"/api/pairs/{SECOND}").json()
    assert facts["prompt"] == "an astronaut, number 1" and facts["parameters"] == {"angle": 12.5}
    assert facts["box"] == [50, 41, 120, 101] and "chosen" not in facts


def test_a_decision_is_in_the_file_when_it_is_answered(client: httpx.Client, folder: Path) -> None:
    sent = decision(key="one", pair=SECOND, word="wrong label", error=" extra  nose ", seconds=1.25)
    numbers = {client.post("/api/decisions", json=sent).json()["number"] for _ in range(3)}
    assert len(numbers) == 1
    found = [answer for answer in journal.standing(folder / decisions.REVIEWS) if answer.item == SECOND]
    assert found == [journal.Answer("one", SECOND, "ana", "wrong label", "extra nose", 1.25)]
    (entry,) = [e for e in client.get("/api/decisions").json()["entries"] if e["key"] == "one"]
    assert entry["pair"] == SECOND and entry["who"] == "ana" and entry["time"].endswith("+00:00")
    undo = decision(key="two", pair=SECOND, word="", undoes="one")
    assert client.post("/api/decisions", json=undo).status_code == 200
    assert client.post("/api/decisions", json=undo | {"key": "three"}).status_code == 409
    assert not [a for a in journal.standing(folder / decisions.REVIEWS) if a.item == SECOND]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"pair": "f" * 16}, 404),
        ({"pair": "../../secret.txt"}, 404),
        ({"word": "delete"}, 400),
        ({"word": ""}, 400),
        ({"word": "keep", "undoes": "k"}, 400),
        ({"who": "a\nb"}, 400),
        ({"who": "a" * 41}, 400),
        ({"who": "   "}, 400),
        ({"who": ["ana"]}, 400),
        ({"who": "ana\u202e"}, 400),
        ({"key": None}, 400),
        ({"word": "wrong label", "error": "x" * 81}, 400),
    ],
)
def test_what_is_no_decision_is_refused(
    client: httpx.Client, folder: Path, changes: Row, status: int
) -> None:
    before = len(client.get("/api/decisions").json()["entries"])
    assert client.post("/api/decisions", json=decision(**changes)).status_code == status
    for body in (b"", b"[]", b"{", b"nan", b'"keep"'):
        reply = client.post("/api/decisions", content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 400
    assert len(client.get("/api/decisions").json()["entries"]) == before


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/static/../../../../secret.txt", "/static/..%2f..%2f..%2fsecret.txt",
        "/static/%2e%2e/%2e%2e/app.py", "/static//etc/passwd", "/static/app.py", "/static/..%5csecret.txt",
        "/static/index.html%00.js", "/pictures/../../secret.txt", "/pictures/x/..%2f..%2fsecret/chosen.png",
        f"/pictures/x/{FIRST}/..%2f..%2f..%2fsecret.txt.png", f"/pictures/x/{FIRST}/path.png",
        f"/pictures/x/{FIRST}/prompt.png", "/api/pairs/..%2f..%2f..%2fsecret.txt", "/reviews.sqlite",
        "/data/train-00000-of-00001.parquet", "file:///etc/passwd", "http://127.0.0.1/etc/passwd",
        f"/pictures/x/{FOURTH}/rejected.png", f"/pictures/x/{THIRD}/chosen.png",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_dataset(server: reviews.Server, path: str) -> None:
    """Sent as written, because clients tidy paths before they send them."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        host = f"127.0.0.1:{server.port}"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    status, body = int(reply.split()[1]), reply.partition(b"\r\n\r\n")[2]
    assert status == 404 and len(body) < 100
    assert not any(word in reply for word in (SECRET.encode(), b"root:", b"import", b"<script", b"SQLite"))


def test_uploads_do_not_exist(client: httpx.Client, folder: Path) -> None:
    before = {path: path.stat().st_size for path in folder.rglob("*") if decisions.REVIEWS not in path.name}
    for path in ("/", "/static/main.js", f"/pictures/x/{FIRST}/chosen.png", "/upload", "/api/decisions"):
        for method in ("PUT", "PATCH", "DELETE"):
            assert client.request(method, path, content=b"x").status_code == 405
        assert client.post(path, files={"file": b"x"}).status_code == 415
    for path in ("/", "/static/main.js", f"/pictures/x/{FIRST}/chosen.png", "/api/dataset"):
        assert client.post(path, json={}).status_code == 405
    after = {path: path.stat().st_size for path in folder.rglob("*") if decisions.REVIEWS not in path.name}
    assert after == before


def test_other_sites_and_other_names_are_refused(client: httpx.Client, server: reviews.Server) -> None:
    evil = {"origin": "http://evil.example"}
    assert client.post("/api/decisions", json=decision(key="x"), headers=evil).status_code == 403
    assert client.get("/api/dataset", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/api/dataset", headers={"host": f"evil.example:{server.port}"}).status_code == 421
    assert "access-control-allow-origin" not in client.get("/api/dataset").headers
    assert not [e for e in client.get("/api/decisions").json()["entries"] if e["key"] == "x"]


def test_it_listens_on_loopback_alone_and_elsewhere_wants_its_token(
    server: reviews.Server, folder: Path
) -> None:
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", server.port), timeout=5):
        pass
    assert "token" not in server.opened
    with reviews.serving(folder, 0, "--host", "0.0.0.0") as everywhere:
        token = everywhere.opened.partition("?token=")[2]
        assert len(token) >= 32
        for path in ("/", "/api/dataset", "/static/main.js", f"/pictures/x/{FIRST}/chosen.png"):
            assert httpx.get(everywhere.url + path).status_code == 401
        with httpx.Client(base_url=everywhere.url, headers={"origin": everywhere.url}) as known:
            assert known.post("/api/decisions", json=decision(key="y")).status_code == 401
            assert known.get(f"/?token={token}", follow_redirects=True).status_code == 200
            assert known.get("/api/dataset").status_code == 200
        assert token not in everywhere.end()  # printed once
    with reviews.serving(folder, 0, "--token") as locked:
        assert httpx.get(f"{locked.url}/").status_code == 401


def test_mistakes_are_one_line(tmp_path: Path, folder: Path, server: reviews.Server) -> None:
    from asap.review import run

    for config, words in (
        (run.Config(tmp_path / "none"), "holds no finished dataset"),
        (run.Config(folder, port=server.port), "give another --port"),
        (run.Config(folder, port=70000), "from 1 to 65535"),
        (run.Config(folder, host="no.such.host.invalid"), "no such address"),
    ):
        with pytest.raises(UserError, match=words):
            run.run(config)
    made = hap.write(tmp_path / "hap")
    (made / decisions.FILE).write_text("rubbish\n")
    with pytest.raises(UserError, match="not JSON"):
        run.run(run.Config(made))
    assert not (made / decisions.REVIEWS).exists()


def test_ctrl_c_ends_it_with_a_summary(tmp_path: Path) -> None:
    made = hap.write(tmp_path / "hap")
    (made / decisions.FILE).write_text(json.dumps({"id": hap.pair(1).id, "decision": "reject"}) + "\n")
    with reviews.serving(made) as running:
        assert httpx.get(f"{running.url}/api/dataset").json()["written"] == {
            hap.pair(1).id: {"word": "reject", "error": None}
        }
        told = running.end()
    assert "decided on 1 pair: reject 1" in told and running.process.returncode == 0
