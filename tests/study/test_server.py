"""`asap study` as a server: what a rater's browser gets tells nothing, and nothing else is to be had."""

from __future__ import annotations

import json
import re
import socket
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import studies
from asap.errors import UserError
from asap.store import Row
from asap.study import answers, folder, pictures, run
from asap.study.folder import Study
from asap.web import journal

pytest.importorskip("starlette", reason="the extra `review` is not installed")
pytest.importorskip("uvicorn", reason="the extra `review` is not installed")

SECRET = "the secret beside the study"
TELLING = (
    *studies.MODELS,
    "secretive",
    "truly",
    "gold",
    "obvious",
    "repeat",
    "scrambled",
    "portrait",
    "swapped",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study")
    (made / "secret.txt").write_text(SECRET)
    studies.made(made, 6, gold=studies.gold(made))
    return made


@pytest.fixture(scope="module")
def study(place: Path) -> Study:
    return folder.load(place / "study")


@pytest.fixture(scope="module")
def server(place: Path, study: Study) -> Iterator[studies.Server]:
    with studies.serving(place, 0, "--gold", str(place / "gold.jsonl")) as running:
        yield running


@pytest.fixture
def client(server: studies.Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"origin": server.url}) as asking:
        yield asking


def page(study: Study, rater: int) -> str:
    return f"/r/{study.raters[rater].token}"


def said(place: Path, rater: str) -> dict[str, journal.Answer]:
    found = journal.standing(place / "study" / folder.ANSWERS)
    return {answer.item: answer for answer in found if answer.person == rater}


def test_the_plan_asks_all_that_was_wanted(study: Study) -> None:
    asked = Counter((a.item, a.role) for rater in study.raters for a in rater.asked)
    wanted = [key for key, item in study.items.items() if item.role == "study"]
    assert len(wanted) == 6 * 3 and all(asked[key, "study"] == 3 for key in wanted)
    assert f"You will answer {len(study.raters[0].asked)} questions about pictures" in study.instructions
    roles = Counter(a.role for a in study.raters[0].asked)
    assert roles == {"study": 18, "obvious": 3, "repeat": 2, "gold": 3}  # of gold there is no more
    votes = Counter((a.item, a.swapped) for r in study.raters for a in r.asked if a.role == "study")
    assert {votes[key, True] for key in wanted if key.startswith("vote")} <= {1, 2}


def test_nothing_on_the_wire_tells_model_file_side_or_gold(
    client: httpx.Client, study: Study, place: Path
) -> None:
    told = client.get(f"{page(study, 0)}/api/study")
    wire = told.text + str(told.headers) + client.get(page(study, 0)).text
    ids, sizes = set(), set()
    for question in told.json()["asked"]:
        assert set(question) == {"id", "kind", "pictures"}
        for picture in question["pictures"]:
            assert set(picture) == {"id", "size"}
            reply = client.get(f"{page(study, 0)}/pictures/{picture['id']}.png")
            chunks = re.findall(rb"(IHDR|tEXt|iTXt|zTXt|eXIf|tIME|pHYs|iCCP)", reply.content)
            assert chunks == [b"IHDR"]  # pixels alone
            assert {"last-modified", "content-disposition"}.isdisjoint(reply.headers)
            wire += str(reply.headers) + reply.content[:4096].decode("latin-1")
            ids.add(picture["id"])
            sizes.add(len(picture["id"]))
    assert not [word for word in TELLING if word in wire.lower()]
    texts = {str(place), *(s["id"] for item in study.items.values() for s in item.samples)}
    assert not [text for text in texts if text in wire]
    assert sizes == {16} and all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
    others = {a.id for a in study.raters[1].asked} & {a.id for a in study.raters[0].asked}
    assert not others  # what two raters see cannot be laid side by side by its id


def test_ids_depend_on_a_secret_not_on_names_alone(place: Path, tmp_path: Path) -> None:
    again = studies.made(tmp_path, 6, gold=studies.gold(tmp_path))
    known = folder.load(place / "study")
    assert not set(known.sizes) & set(again.sizes)
    same = [[(a.item, a.role, a.swapped) for a in rater.asked] for rater in known.raters]
    assert same == [[(a.item, a.role, a.swapped) for a in rater.asked] for rater in again.raters]


def answer(study: Study, rater: int, kind: str, **changes: object) -> Row:
    asked = next(a for a in study.raters[rater].asked if study.items[a.item].kind == kind)
    return {"key": "answer-1", "item": asked.id, "word": "error" if kind == "rate" else "a"} | changes


CONSENT = {"key": "consent-1", "item": "consent", "word": "yes"}


def test_an_answer_is_in_the_file_once_and_the_last_counts(
    client: httpx.Client, study: Study, place: Path
) -> None:
    address, rater = f"{page(study, 1)}/api/answers", study.raters[1].name
    sent = answer(study, 1, "rate", parts=["hand"], box=[1, 2, 30.25, 40], seconds=2.5)
    assert client.post(address, json=sent).status_code == 403  # no consent yet
    assert client.post(address, json=CONSENT).status_code == 200
    assert len({client.post(address, json=sent).json()["number"] for _ in range(3)}) == 1
    found = said(place, rater)[sent["item"]]
    assert (found.word, found.seconds) == ("error", 2.5)
    assert json.loads(found.detail or "") == {"box": [1, 2, 30.2, 40], "parts": ["hand"]}
    assert client.post(address, json=sent | {"word": "correct"}).status_code == 409
    assert client.post(address, json=sent | {"key": "answer-2", "word": "correct"}).status_code == 200
    assert said(place, rater)[sent["item"]].word == "correct"
    resumed = client.get(f"{page(study, 1)}/api/study").json()["answers"]
    assert resumed == {"consent": {"word": "yes"}, sent["item"]: {"word": "correct"}}


def test_all_questions_answered_give_the_code_and_not_before(client: httpx.Client, study: Study) -> None:
    rater, address = study.raters[2], f"{page(study, 2)}/api/answers"
    client.post(address, json=CONSENT)
    replies = []
    for number, asked in enumerate(rater.asked):
        word = "correct" if study.items[asked.item].kind == "rate" else "tie"
        sent = {"key": f"key-{number:04d}", "item": asked.id, "word": word}
        replies.append(client.post(address, json=sent).json().get("completion"))
    assert replies == [None] * (len(rater.asked) - 1) + [rater.completion]


@pytest.mark.parametrize(
    ("kind", "changes", "status"),
    [
        ("rate", {"word": "a"}, 400), ("vote", {"word": "error"}, 400), ("rate", {"word": None}, 400),
        ("rate", {"item": "f" * 16}, 404), ("rate", {"item": "../../secret.txt"}, 404),
        ("rate", {"item": ["x"]}, 404), ("rate", {"item": "joined"}, 404), ("rate", {"key": "x"}, 400),
        ("rate", {"key": "UPPER-CASE"}, 400), ("rate", {"key": "a" * 65}, 400),
        ("rate", {"parts": ["wing"]}, 400), ("rate", {"parts": "hand"}, 400), ("rate", {"parts": [{}]}, 400),
        ("rate", {"parts": ["hand", "hand"]}, 400), ("rate", {"box": [0, 0, 9999, 9]}, 400),
        ("rate", {"box": [5, 0, 4, 9]}, 400), ("rate", {"box": [0, 0, True, 9]}, 400),
        ("rate", {"box": "all"}, 400), ("rate", {"box": [float("nan")] * 4}, 400),
        ("rate", {"item": "consent", "word": "no"}, 400),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(
    client: httpx.Client, study: Study, place: Path, kind: str, changes: Row, status: int
) -> None:
    address, before = f"{page(study, 1)}/api/answers", said(place, study.raters[1].name)
    client.post(address, json=CONSENT)
    body = json.dumps(answer(study, 1, kind, key="refused-1") | changes)
    head = {"content-type": "application/json"}
    assert client.post(address, content=body, headers=head).status_code == status
    for body in ("", "[]", "{", '"error"', "[" * 4000):
        assert client.post(address, content=body, headers=head).status_code == 400
    after = said(place, study.raters[1].name)
    assert {k: v for k, v in after.items() if k != "consent"} == {
        k: v for k, v in before.items() if k != "consent"
    }


def test_no_rater_answers_or_sees_for_another(client: httpx.Client, study: Study) -> None:
    stranger = answer(study, 0, "rate", key="stranger")
    client.post(f"{page(study, 1)}/api/answers", json=CONSENT)
    assert client.post(f"{page(study, 1)}/api/answers", json=stranger).status_code == 404
    for token in ("x" * 24, study.raters[0].name, study.raters[0].code, "%2e"):
        for path in ("", "/api/study", f"/pictures/{next(iter(study.sizes))}.png"):
            assert client.get(f"/r/{token}{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/static/../../../../secret.txt", "/static/..%2f..%2f..%2fsecret.txt",
        "/static/%2e%2e/%2e%2e/app.py", "/static//etc/passwd", "/static/app.py", "/static/..%5csecret.txt",
        "/static/index.html%00.js", "/plan.json", "/r/../plan.json", "/answers.sqlite", "/api/study",
        "RATER/pictures/..%2f..%2f..%2fsecret.txt.png", "RATER/pictures/../../../secret.txt.png",
        "RATER/pictures/..%2fplan.json", "RATER/../plan.json", "RATER/api/plan", "RATER/plan.json",
        "RATER/pictures/%00.png", "file:///etc/passwd", "http://127.0.0.1/etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_study(server: studies.Server, study: Study, path: str) -> None:
    """Sent as written, because clients tidy paths before they send them."""
    path = path.replace("RATER", page(study, 0))
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        host = f"127.0.0.1:{server.port}"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    status, body = int(reply.split()[1]), reply.partition(b"\r\n\r\n")[2]
    assert status == 404 and len(body) < 100
    assert not any(word in reply for word in (SECRET.encode(), b"root:", b"import", b"<script", b"token"))


def test_uploads_do_not_exist_and_sizes_are_limited(client: httpx.Client, study: Study, place: Path) -> None:
    def files() -> dict[Path, int]:
        found = (path for path in place.rglob("*") if folder.ANSWERS not in path.name)
        return {path: path.stat().st_size for path in found}

    before, picture = files(), next(iter(study.sizes))
    for path in (
        "/",
        "/static/main.js",
        page(study, 0),
        f"{page(study, 0)}/pictures/{picture}.png",
        "/upload",
    ):
        for method in ("PUT", "PATCH", "DELETE"):
            assert client.request(method, path, content=b"x").status_code == 405
        assert client.post(path, files={"file": b"x"}).status_code == 415
    for path in ("/", "/static/main.js", page(study, 0), f"{page(study, 0)}/api/study"):
        assert client.post(path, json={}).status_code == 405
    large = {"content-type": "application/json"}
    assert client.post(f"{page(study, 0)}/api/answers", content=b"x" * 4097, headers=large).status_code == 413
    assert client.get("/" + "x" * 3000).status_code == 414
    assert files() == before


def test_other_sites_and_other_names_are_refused(
    client: httpx.Client, server: studies.Server, study: Study
) -> None:
    address = f"{page(study, 0)}/api/answers"
    assert client.post(address, json=CONSENT, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/join", json={}, headers={"origin": "null"}).status_code == 403
    asked = f"{page(study, 0)}/api/study"
    for site in ("cross-site", "same-site"):
        for path in (asked, page(study, 0)):
            assert client.get(path, headers={"sec-fetch-site": site}).status_code == 403
    walked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get(page(study, 0), headers=walked).status_code == 200  # a link in a letter
    assert client.get(asked, headers=walked).status_code == 403
    assert client.get(asked, headers={"host": f"evil.example:{server.port}"}).status_code == 421
    assert "access-control-allow-origin" not in client.get(asked).headers


def test_elsewhere_only_raters_links_and_the_token_open_it(place: Path, study: Study) -> None:
    with studies.serving(place, 0, "--gold", str(place / "gold.jsonl"), "--host", "0.0.0.0") as everywhere:
        token = everywhere.opened.partition("?token=")[2]
        assert len(token) >= 32 and everywhere.printed.count(token) == 1
        assert len(everywhere.links()) == len(study.raters)
        with httpx.Client(base_url=everywhere.url, headers={"origin": everywhere.url}) as client:
            asked = client.get(f"{page(study, 0)}/api/study")
            picture = asked.json()["asked"][0]["pictures"][0]["id"]
            for path in (page(study, 0), f"{page(study, 0)}/pictures/{picture}.png", "/static/main.js"):
                assert client.get(path).status_code == 200
            assert client.post("/api/join", json={}).status_code == 401
            assert client.get(f"/?token={token}", follow_redirects=True).status_code == 200
            assert client.post("/api/join", json={}).json()["page"] in {
                page(study, k) for k in range(len(study.raters))
            }
        wrong = [httpx.get(f"{everywhere.url}/r/{'x' * 24}").status_code for _ in range(12)]
        assert wrong[0] == 401 and wrong[-1] == 429
        assert token not in everywhere.end()


def test_mistakes_are_one_line(tmp_path: Path, server: studies.Server) -> None:
    first, second = studies.both(tmp_path, 2)
    out, bad = tmp_path / "study", tmp_path / "bad.jsonl"
    bad.write_text('{"image": "x.png", "verdict": "fine"}\n')
    for config, words in (
        (run.Config((tmp_path / "none",), out), "no such folder"),
        (run.Config((first,), out, task="vote"), "votes need two folders"),
        (run.Config((first, second), out, per_rater=2), "one prompt alone has 3 questions"),
        (run.Config((first, second), out, raters=2), "--raters 2: each item wants 3"),
        (run.Config((first, second), out, raters=7), "for 6 raters at most"),
        (run.Config((first, second), out, raters=3, per_rater=3), "or --units 1"),
        (run.Config((first, second), out, gold=tmp_path / "none"), "no such file or folder"),
        (run.Config((first, second), out, gold=bad), "bad.jsonl line 1: give"),
        (run.Config((first, second), out, instructions=tmp_path / "none"), "no such file"),
        (run.Config((first, second), out, parts=()), "1 to 9 different names"),
        (run.Config((first, second), out, attention=-1), "give 0 or more"),
        (run.Config((first, second), out, port=server.port), "give another --port"),
    ):
        with pytest.raises(UserError, match=words):
            run.run(config)
    changed = r"per_rater was 100, now 9; raters was 0, now 4; seed was 0, now 1; .*; units was 0, now 1\)"
    with pytest.raises(UserError, match=changed):
        run.prepare(run.Config((first, second), out, seed=1, raters=4, units=1, per_rater=9, title="x"))


def test_what_is_damaged_is_told_before_a_picture_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, gold, out = studies.both(tmp_path, 2), studies.gold(tmp_path), tmp_path / "study"
    monkeypatch.setattr(pictures, "write", lambda *_: pytest.fail("a picture was written"))
    whole = (images[1] / f"{studies.MODELS[1]}-1.png").read_bytes()
    for path, data, words in (
        (images[1] / f"{studies.MODELS[1]}-1.png", whole[: len(whole) // 2], r"tuned-1\.png: damaged"),
        (tmp_path / "truly-wrong.png", zlib.compress(b"no picture"), r"truly-wrong\.png: damaged"),
        (gold, b'{"better": "truly-correct.png"}\n', "gold.jsonl line 1: give"),
        (gold, b'{"image": "none.png", "verdict": "error"}\n', r"none\.png: no such file"),
    ):
        before = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(UserError, match=words):
            run.prepare(run.Config(images, out, gold=gold))
        assert not out.exists()  # so that the same command, mended, is no change of settings
        path.write_bytes(before)


def test_answers_of_another_study_stop_the_count(tmp_path: Path) -> None:
    one = studies.made(tmp_path, 1)
    kept = journal.Journal(tmp_path / "study" / folder.ANSWERS)
    kept.add(journal.Answer("k", "f" * 16, one.raters[0].name, "error"))
    kept.close()
    with pytest.raises(UserError, match="another study"):
        answers.said(tmp_path / "study" / folder.ANSWERS, one)
