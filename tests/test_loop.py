"""The loop by the command line, on tiny pipelines of the real classes: train, generate, judge, report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

import processes

PROMPTS = ["a photo of a person", "two hands"]


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A service that finds an extra finger in every image."""
    hand = {"part": "left hand", "visibility": "clear", "count": 6, "fault": "extra finger"}
    answer = {"people": 1, "parts": [hand], "verdict": "error", "errors": ["extra finger"]}
    message = {"role": "assistant", "content": json.dumps(answer)}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def asap(*args: object) -> None:
    done = processes.asap(*args)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_from_pairs_to_report(
    family: str, request: pytest.FixtureRequest, pairs: Path, tmp_path: Path, endpoint: str
) -> None:
    model: Path = request.getfixturevalue(family)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS) + "\n")
    run = tmp_path / "run"
    size = ["--rank", 4, "--learning-rate", 0.05, "--tau", 0.5]
    asap("train", "--model", model, "--data", pairs, "--out", run, "--steps", 3, "--resolution", 32, *size)
    for name, lora in (("base", []), ("asap", ["--lora", run])):
        drawing = ["--steps", 2, "--size", 32, "--seeds", 2, "--out", tmp_path / name]
        asap("generate", "--model", model, *lora, "--prompts", prompts, *drawing)
        service = ["--judge", "vlm", "--protocol", "quick", "--endpoint", endpoint, "--model-name", "m"]
        asap("judge", tmp_path / name, *service, "--out", tmp_path / f"judged-{name}")
    judged = [f"{name}={tmp_path / f'judged-{name}'}" for name in ("base", "asap")]
    asap("report", *judged, "--out", tmp_path / "report")

    pictures = [sorted((tmp_path / name / "images").glob("*.png")) for name in ("base", "asap")]
    assert [len(found) for found in pictures] == [4, 4]
    first = [np.asarray(Image.open(found[0])) for found in pictures]
    assert first[0].shape == (32, 32, 3) and not np.array_equal(*first)
    models = json.loads((tmp_path / "report" / "report.json").read_text())["models"]
    assert [(m["name"], m["aer"], m["scored"]) for m in models] == [("base", 1.0, 4), ("asap", 1.0, 4)]
    assert (tmp_path / "report" / "report.html").stat().st_size > 5000
