"""The guard of a local page, by itself: each thing it refuses, and that it lets the rest through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from asap.web.limits import Rate
from asap.web.security import HEADERS, Guard, Policy

OPEN = Policy(frozenset({"127.0.0.1:80", "localhost:80"}), None, "crumb")
LOCKED = Policy(frozenset(), "secret-token", "crumb")
JSON = {"origin": "http://127.0.0.1:80", "content-type": "application/json"}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"got " + body})


def ask(policy: Policy, method: str, path: str = "/api", host: str = "127.0.0.1:80", **options: Any) -> Any:
    return asked(Guard(echo, policy), method, path, host, **options)


def asked(guard: Guard, method: str, path: str = "/api", host: str = "127.0.0.1:80", **options: Any) -> Any:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"host": host} | options.pop("headers", {})
            return await client.request(method, path, headers=headers, **options)

    return asyncio.run(once())


def test_the_page_itself_is_answered_and_every_reply_is_hardened() -> None:
    for reply in (ask(OPEN, "GET"), ask(OPEN, "GET", host="evil.example"), ask(LOCKED, "GET")):
        assert all(reply.headers[name] == value for name, value in HEADERS.items())
        assert reply.headers["cache-control"] == "no-store"
    assert ask(OPEN, "POST", headers=JSON, content=b"{}").text == "got {}"
    assert ask(OPEN, "GET", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1:81", "127.0.0.1:80@evil", "a b"]
)
def test_another_name_is_refused(host: str) -> None:
    assert ask(OPEN, "GET", host=host).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},  # a picture or data in a window
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:81"},
        {"origin": "https://127.0.0.1:80"},
    ],
)
def test_another_site_is_refused(headers: dict[str, str]) -> None:
    assert ask(OPEN, "GET", headers=headers).status_code == 403
    assert ask(OPEN, "POST", headers=JSON | headers, content=b"{}").status_code == 403


def test_a_link_elsewhere_may_lead_to_the_page_but_not_send_anything() -> None:
    walked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(OPEN, "GET", "/", headers=walked).status_code == 200
    assert ask(OPEN, "POST", "/", headers=walked | JSON).status_code == 403
    assert ask(OPEN, "POST", headers={"content-type": "application/json"}).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "", "application/x-www-form-urlencoded"]
)
def test_only_json_is_read(kind: str) -> None:
    assert ask(OPEN, "POST", headers=JSON | {"content-type": kind}, content=b"{}").status_code == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(method: str) -> None:
    assert ask(OPEN, method).status_code == 405


def test_what_is_too_large_is_refused() -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 100

    async def chunks() -> Any:
        for piece in pieces():
            yield piece

    assert ask(OPEN, "POST", headers=JSON, content=b"x" * 4096).status_code == 200
    assert ask(OPEN, "POST", headers=JSON, content=b"x" * 4097).status_code == 413
    assert ask(OPEN, "POST", headers=JSON, content=chunks()).status_code == 413  # of no known length
    assert ask(OPEN, "GET", "/" + "x" * 2048).status_code == 414


def test_a_token_opens_once_and_the_cookie_after_that() -> None:
    assert ask(LOCKED, "GET", "/").status_code == 401
    assert ask(LOCKED, "GET", "/api?token=secret-token").status_code == 401  # only the page takes it
    for wrong in ("secret-toke", "secret-tokens", "", "sécret"):
        assert ask(LOCKED, "GET", f"/?token={wrong}").status_code == 401
    reply = ask(LOCKED, "GET", "/?token=secret-token")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    crumb = reply.headers["set-cookie"]
    assert crumb.startswith("crumb=secret-token; HttpOnly; SameSite=Lax; Path=/")
    cookies = 'other={"of": "another server"}; crumb=secret-token'
    assert ask(LOCKED, "GET", headers={"cookie": cookies}).status_code == 200
    assert ask(LOCKED, "GET", headers={"cookie": "crumb=secret"}).status_code == 401
    assert ask(LOCKED, "POST", headers=JSON, content=b"{}").status_code == 401


def test_doors_open_without_the_token_and_nothing_beside_them() -> None:
    policy = LOCKED._replace(doors=frozenset({"/r/known"}))
    walked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(policy, "GET", "/r/known", headers=walked).status_code == 200
    assert ask(policy, "GET", "/r/known/api").status_code == 200
    assert ask(policy, "POST", "/r/known/api", headers=JSON, content=b"{}").status_code == 200
    assert ask(policy, "GET", "/r/known/api", headers=walked).status_code == 403
    assert ask(policy, "POST", "/r/known", headers=walked | JSON).status_code == 403
    for path in ("/", "/api", "/r", "/r/", "/r/know", "/r/knownx", "/r/other/api", "//r/known", "/x/r/known"):
        assert ask(policy, "GET", path).status_code == 401


def test_guesses_and_requests_are_limited() -> None:
    guard = Guard(echo, LOCKED)
    assert [asked(guard, "GET").status_code for _ in range(11)] == [401] * 10 + [429]
    guard = Guard(echo, OPEN._replace(rate=1.0, burst=3))
    replies = [asked(guard, "GET") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200] * 3 + [429]
    assert replies[-1].headers["retry-after"] == "1"


def test_the_rate_comes_back_with_time_and_is_each_clients_own() -> None:
    now = [0.0]
    rate = Rate(2.0, 3, lambda: now[0])
    assert [rate.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.wait("b") == 0
    now[0] = 0.5
    assert [rate.wait("a"), rate.wait("a")] == [0, 0.5]
    now[0] = 100.0
    assert [rate.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    for client in range(2000):
        rate.wait(str(client))
    assert len(rate._left) == 1024


def test_a_header_that_decides_must_come_once() -> None:
    async def twice() -> int:
        sent = []
        scope = {
            "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:80"), (b"host", b"evil")],
            "scheme": "http", "client": ("127.0.0.1", 1),
        }  # fmt: skip

        async def keep(message: Any) -> None:
            sent.append(message)

        await Guard(echo, OPEN)(scope, asyncio.Queue().get, keep)
        return int(sent[0]["status"])

    assert asyncio.run(twice()) == 400
