"""The hub's answers, from a real server on loopback, and no hub at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants, hf_hub_download

from asap.align import dataset
from asap.backbones import hub, load
from asap.errors import UserError

INDEX = json.dumps({"_class_name": "OtherPipeline"}).encode()
# repository -> status and headers
ANSWERS = {
    "of/gated": (403, {"X-Error-Code": "GatedRepo"}),
    "of/missing": (401, {"X-Error-Code": "RepoNotFound"}),
    "of/token": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "of/another": (404, {"X-Error-Code": "EntryNotFound"}),
    "of/other": (200, {"ETag": '"abc"', "X-Repo-Commit": "0" * 40}),
}


class Hub(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        name = self.path.removeprefix("/datasets").lstrip("/").split("/resolve")[0]
        status, headers = ANSWERS.get(name, (404, {}))
        if name in ANSWERS:  # the library has questions of its own
            self.asked.append(f"{self.command} {name}")
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(INDEX) if status == 200 else 0))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(INDEX)

    def log_message(self, *_: object) -> None:
        pass


def use(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + template)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the hub on loopback has been asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    use(monkeypatch, f"http://127.0.0.1:{server.server_port}", tmp_path / "cache")
    Hub.asked.clear()
    yield Hub.asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("of/gated", "of/gated is gated: accept its licence .* `hf auth login`"),
        ("of/missing", "nor a model of that name on the hub; check the name"),
        ("of/token", "the hub refuses your token for of/token"),
        ("of/another", r"has no model_index\.json"),
        ("no hub/id", "nor a hub id such as owner/name"),
    ],
)
def test_refusals_are_one_line_after_one_question(model: str, told: str, asked: list[str]) -> None:
    with pytest.raises(UserError, match=told) as raised:
        load.load(model)
    assert "\n" not in str(raised.value) and len(asked) <= 1


def test_a_model_s_file_is_downloaded_and_then_found_in_the_cache(asked: list[str]) -> None:
    path = hub.model_file("of/other", "model_index.json")
    assert path.read_bytes() == INDEX and "GET of/other" in asked
    count = len(asked)
    assert hub.model_file("of/other", "model_index.json") == path and len(asked) == count


def test_a_gated_dataset_is_told_apart_from_a_missing_one(asked: list[str]) -> None:
    with pytest.raises(UserError, match="is gated"):
        dataset.opened("of/gated")
    with pytest.raises(UserError, match="nor a dataset of that name"):
        dataset.opened("of/missing")


def test_the_revision_is_told_even_by_a_missing_file(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "1" * 40}
    monkeypatch.setitem(ANSWERS, "of/bare", (404, commit))
    monkeypatch.setitem(ANSWERS, "of/busy", (503, {}))
    assert hub.revision("dataset", "of/other") == "0" * 40
    assert dataset.identity("of/bare") == "1" * 40
    with pytest.raises(UserError, match="does not tell the revision of of/busy"):
        hub.revision("dataset", "of/busy")


def test_without_a_network_it_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(monkeypatch, "http://127.0.0.1:9", tmp_path)
    started = time.monotonic()
    with pytest.raises(UserError, match=r"cannot be asked for it .*; check the network"):
        load.load("of/other")
    with pytest.raises(UserError, match=r"cannot be asked for it .*; check the network"):
        dataset.opened("of/other")
    assert time.monotonic() - started < 20 and not caplog.records  # tries again would take 23 s


def test_without_a_network_what_is_in_the_cache_is_used(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = hub.model_file("of/other", "model_index.json")
    use(monkeypatch, "http://127.0.0.1:9", Path(constants.HF_HUB_CACHE))
    started = time.monotonic()
    with hub.or_cache("model", "of/other", "model_index.json"):
        assert hf_hub_download("of/other", "model_index.json") == str(path)
    with (
        pytest.raises(UserError, match=r"cannot be asked for it .*; check the network"),
        hub.or_cache("model", "of/other", "model_index.json"),
    ):
        hf_hub_download("of/other", "config.json")
    assert not constants.HF_HUB_OFFLINE
    assert time.monotonic() - started < 20 and not caplog.records  # tries again would take 23 s
