"""Gemini's interface against a server on loopback that answers as Gemini does, misbehaviours included."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from asap import chat
from asap.bench.judges.services.gemini import Gemini, openapi
from asap.bench.judges.services.service import Access, Picture, Reply
from asap.bench.judges.settings import Options
from asap.bench.judges.vlm import VLM
from asap.errors import UserError
from asap.records import Sample
from loopback import served

KEY = "not-to-be-seen"
PICTURES = [Picture("0" * 16, b"one", "image/png"), Picture("1" * 16, b"two", "image/jpeg")]
SCHEMA = {
    "type": "object",
    "properties": {
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "count": {"type": ["integer", "null"]},
                    "fault": {"type": "string", "enum": ["a"]},
                },
                "required": ["count", "fault"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["parts"],
    "additionalProperties": False,
}
Answer = tuple[int, dict[str, Any]]


def said(*parts: dict[str, Any], finish: str = "STOP", **more: Any) -> Answer:
    return 200, {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **more}


def failed(status: int, *details: dict[str, Any], message: str = "no") -> Answer:
    return status, {"error": {"code": status, "message": message, "details": list(details)}}


def retry(delay: str) -> dict[str, str]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


class Server:
    """`requests` are paths, headers and bodies as they came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.url = ""


@contextmanager
def serving(behaviour: Callable[[int, dict[str, Any]], Answer]) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, reply = behaviour(len(server.requests), body)
            data = json.dumps(reply, indent=2).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as url:
        server.url = f"{url}/v1beta"
        yield server


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "FIRST_WAIT", 0.001)


def ask(server: Server, seed: int = 0, **options: Any) -> Reply:
    access = Access(server.url, "gemini-9-flash", KEY, 2, 5.0, **{"attempts": 3, **options})
    with Gemini(access) as service:
        return service.ask(PICTURES, "what is wrong?", SCHEMA, random.Random(seed))


def test_a_question_goes_out_as_gemini_has_it(caplog: pytest.LogCaptureFixture) -> None:
    usage = {"promptTokenCount": 600, "candidatesTokenCount": 20, "thoughtsTokenCount": 70}
    thought = {"text": "let me see", "thought": True}
    answer = said(thought, {"text": "{"}, {"text": "}"}, usageMetadata=usage)
    with caplog.at_level(logging.DEBUG), serving(lambda *_: answer) as server:
        assert ask(server) == Reply("{}", "", 600, 90, ("schema", "temperature"))
    ((path, headers, body),) = server.requests
    assert path == "/v1beta/models/gemini-9-flash:generateContent" and headers["x-goog-api-key"] == KEY
    assert "authorization" not in headers and KEY not in caplog.text + path
    *shown, text = body["contents"][0]["parts"]
    assert [base64.b64decode(part["inlineData"]["data"]) for part in shown] == [b"one", b"two"]
    assert [part["inlineData"]["mimeType"] for part in shown] == ["image/png", "image/jpeg"]
    assert text == {"text": "what is wrong?"} and "safetySettings" not in body
    config = body["generationConfig"]
    assert config["temperature"] == 0 and config["responseMimeType"] == "application/json"


def test_a_schema_is_told_in_geminis_words() -> None:
    item = openapi(SCHEMA)["properties"]["parts"]["items"]
    assert item == {
        "type": "OBJECT",
        "properties": {
            "count": {"type": "INTEGER", "nullable": True},
            "fault": {"type": "STRING", "enum": ["a"]},
        },
        "propertyOrdering": ["count", "fault"],
        "required": ["count", "fault"],
    }
    assert "additionalProperties" not in json.dumps(openapi(SCHEMA))


def test_sampling_has_a_seed_that_equal_questions_share() -> None:
    with serving(lambda *_: said({"text": "{}"})) as server:
        for seed in (1, 1, 2):
            ask(server, seed, temperature=0.7)
    seeds = [body["generationConfig"]["seed"] for _, _, body in server.requests]
    assert seeds[0] == seeds[1] != seeds[2]


def test_a_model_that_takes_no_schema_is_asked_without() -> None:
    def behaviour(_: int, body: dict[str, Any]) -> Answer:
        if "responseSchema" in body["generationConfig"]:
            return failed(400, message="JSON mode is not enabled for this model")
        return said({"text": "{}"})

    with serving(behaviour) as server:
        assert ask(server).options == ("temperature",)


@pytest.mark.parametrize("finish", ["SAFETY", "PROHIBITED_CONTENT", "IMAGE_SAFETY"])
def test_an_answer_that_a_filter_stopped_is_a_refusal(finish: str) -> None:
    reply = 200, {"candidates": [{"finishReason": finish}], "usageMetadata": {"promptTokenCount": 9}}
    with serving(lambda *_: reply) as server:
        assert ask(server) == Reply("", finish, 9, None, ("schema", "temperature"))


def test_a_prompt_that_is_blocked_never_reached_the_model() -> None:
    blocked = 200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    with serving(lambda *_: blocked) as server, pytest.raises(chat.RefusedError, match="PROHIBITED_CONTENT"):
        ask(server)


def test_an_answer_cut_short_is_an_answer() -> None:
    with serving(lambda *_: said({"text": "{"}, finish="MAX_TOKENS")) as server:
        assert ask(server)[:2] == ("{", "")


@pytest.mark.parametrize("reply", [{}, {"candidates": []}, {"candidates": [3]}, {"candidates": None}])
def test_what_is_no_response_is_unreadable(reply: dict[str, Any]) -> None:
    with serving(lambda *_: (200, reply)) as server, pytest.raises(chat.UnreadableError):
        ask(server)


def test_it_waits_as_long_as_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "FIRST_WAIT", 60.0)  # seconds that this test would last
    busy, lost = failed(429, retry("0.05s")), failed(503, retry("0s"))
    with serving(lambda n, _: {1: busy, 2: lost}.get(n, said({"text": "{}"}))) as server:
        assert ask(server).text == "{}" and len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failed(429, retry("35640s")), "in 594 minutes"),
        (failed(400, {"reason": "API_KEY_INVALID"}, message=f"{KEY} is not valid"), "refuses the key"),
        (failed(403), "denies access"),
        (failed(404), "check --model-name"),
    ],
)
def test_what_no_other_request_can_mend_ends_it(answer: Answer, words: str) -> None:
    with serving(lambda *_: answer) as server, pytest.raises(UserError, match=words) as caught:
        ask(server)
    assert len(server.requests) == 1 and KEY not in str(caught.value)


def test_a_key_and_a_model_are_needed() -> None:
    for access in (Access(model_name="m"), Access(key="k"), Access("ftp://x", "m", "k")):
        with pytest.raises(UserError):
            Gemini(access)
    assert KEY not in str(Gemini(Access(model_name="m", key=KEY)).settings)


def test_refusals_of_both_kinds_leave_an_image_unscored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASAP_JUDGE_KEY", KEY)
    samples = [Sample(str(n), f"{n}.png", "a hand", str(n), "hand", 0) for n in range(2)]
    for n, sample in enumerate(samples):
        Pillow.new("RGB", (8, 8 + n)).save(tmp_path / sample.file_name)
    blocked = 200, {"promptFeedback": {"blockReason": "SAFETY"}}
    with serving(lambda n, _: blocked if n == 1 else said(finish="SAFETY")) as server:
        options = Options(service="gemini", endpoint=server.url, model_name="m", protocol="quick")
        judged = list(VLM(options, tmp_path / "out").judge(tmp_path, samples))
    assert [(each.verdict, each.reason) for each in judged] == [("unscored", "refused")] * 2
    kept = "".join(path.read_text() for path in (tmp_path / "out").iterdir() if path.is_file())
    assert KEY not in kept + str(judged)
