"""A chat service on loopback that behaves as it is told to, well or badly."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import cv2
import numpy as np

from asap.records import Image

Body = dict[str, Any]


class Reply(NamedTuple):
    """What the service does: waits, then sends this, or cuts the connection where there is no status."""

    status: int = 200
    data: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0


CUT = Reply(0)


def says(text: str | None, **choice: Any) -> Reply:
    """A chat completion with this text."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop", **choice}]
    return Reply(200, json.dumps({"choices": choices}).encode())


def answers(word: str) -> Reply:
    return says(json.dumps({"answer": word}))


def picture(body: Body) -> Image:
    """The picture that a request shows."""
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def question(body: Body) -> str:
    return str(body["messages"][0]["content"][0]["text"])


def key(body: Body) -> str:
    """What makes two requests the same question."""
    return json.dumps(body["messages"])


class Service:
    """`behaviour(number, body)` -> Reply; `requests` are the bodies it was sent, `keys` their bearers."""

    def __init__(self, behaviour: Callable[[int, Body], Reply]) -> None:
        self.behaviour, self.url = behaviour, ""
        self.requests: list[Body] = []
        self.keys: set[str | None] = set()
        self.lock = threading.Lock()


@contextmanager
def serving(behaviour: Callable[[int, Body], Reply]) -> Iterator[Service]:
    service = Service(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with service.lock:
                service.requests.append(body)
                service.keys.add(self.headers.get("authorization"))
                number = len(service.requests)
            reply = service.behaviour(number, body)
            time.sleep(reply.wait)
            if not reply.status:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in (("content-length", str(len(reply.data))), *reply.headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.data)

        def log_message(self, *_: object) -> None:
            pass

    with served(Handler) as url:
        service.url = f"{url}/v1"
        yield service


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # clients that are killed, or have given up waiting


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Inside, `handler` answers at this address on loopback."""
    server = Quiet(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
