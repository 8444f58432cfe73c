"""Who may ask what of a local page: a wrapper (ASGI) around an application that refuses all else.

In this order: a host name that is not this server's (DNS rebinding), a method that the page does not use, an
address or a body that is too large, too many requests, a request that comes from another site, and, where a
token is wanted, one without it. Every reply, a refusal too, has headers by which a browser runs no script
but the page's own files, shows the page in no frame, and lends nothing to other sites.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from asap.web.limits import LARGEST_BODY, LONGEST_ADDRESS, Rate

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

PATIENCE = 10.0  # seconds for a body to come
METHODS = frozenset({"GET", "HEAD", "POST"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class Policy(NamedTuple):
    """What a `Guard` wants.

    Attributes:
        hosts: names under which the server may be asked for, with the port; any where it is empty.
        token: what a client has to know, or None where everybody who reaches the server may ask.
        cookie: the name of the cookie that carries it.
        rate, burst: requests a second and at once, of one client.
        doors: paths of two steps ("/r/SECRET") that need no token, nor does what lies below them; a link
            elsewhere may lead to them, as to "/".
    """

    hosts: frozenset[str]
    token: str | None
    cookie: str
    rate: float = 120.0
    burst: int = 600
    doors: frozenset[str] = frozenset()


class Refusal(Exception):  # noqa: N818  (no error of this program)
    """A request that is not answered: its status, a sentence, and headers."""

    def __init__(self, status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, list(headers)


class Guard:
    """The application `inner` behind `policy`."""

    def __init__(self, inner: Application, policy: Policy) -> None:
        self.inner, self.policy = inner, policy
        self.rate = Rate(policy.rate, policy.burst)
        self.guesses = Rate(0.2, 10)  # requests with a wrong token, or none

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
        elif scope["type"] == "http":
            try:
                headers = self._checked(scope)
                async with asyncio.timeout(PATIENCE):
                    body = await _body(headers, receive)
            except TimeoutError:
                await _refuse(Refusal(408, "the request came too slowly"), send)
            except Refusal as refusal:
                await _refuse(refusal, send)
            else:
                await self.inner(scope, _given(body, receive), _hardened(send))

    def _checked(self, scope: Message) -> dict[str, str]:
        """The request's headers where it may be answered; raises `Refusal` where not."""
        headers = _headers(scope)
        host = headers["host"]
        if not _HOST.fullmatch(host) or (self.policy.hosts and host.lower() not in self.policy.hosts):
            raise Refusal(421, "this server is not known by that name")
        if scope["method"] not in METHODS:
            raise Refusal(405, "only GET, HEAD and POST are answered", [("allow", "GET, HEAD, POST")])
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_ADDRESS:
            raise Refusal(414, "the address is too long")
        client = (scope.get("client") or ("unknown", 0))[0]
        _wait(self.rate.wait(client))
        _check_site(scope, headers, self.policy.doors)
        self._check_token(scope, headers, client)
        return headers

    def _check_token(self, scope: Message, headers: dict[str, str], client: str) -> None:
        token = self.policy.token
        if token is None or _same(_cookie(headers.get("cookie", ""), self.policy.cookie), token):
            return
        if "/".join(scope["path"].split("/")[:3]) in self.policy.doors:
            return
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and _same(given, token):
            crumb = f"{self.policy.cookie}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"
            raise Refusal(303, "welcome", [("location", "/"), ("set-cookie", crumb)])
        _wait(self.guesses.wait(client))
        raise Refusal(401, "open the address, with its token, that was printed where the server was started")


def _headers(scope: Message) -> dict[str, str]:
    """By lower-case name; a header that decides something must come once."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "content-type", "content-length"):
            raise Refusal(400, f"more than one {name}")
        # a browser may spread cookies over several headers
        found[name] = "; ".join(filter(None, (found.get(name), value.decode("latin-1"))))
    if "host" not in found:
        raise Refusal(400, "no host")
    return found


def _wait(seconds: float) -> None:
    if seconds > 0:
        raise Refusal(429, "too many requests", [("retry-after", str(int(seconds) + 1))])


def _check_site(scope: Message, headers: dict[str, str], doors: frozenset[str]) -> None:
    """Raise unless the request comes from the page itself, from no page, or is a person's way to the page."""
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    page = scope["path"] == "/" or scope["path"] in doors
    walked = mode == "navigate" and scope["method"] == "GET" and page
    if site not in (None, "same-origin", "none") and not walked:
        raise Refusal(403, "requests from other sites are refused")
    own = f"{scope['scheme']}://{headers['host']}"
    origin = headers.get("origin")
    if origin is not None and origin != own:
        raise Refusal(403, "requests from other sites are refused")
    if scope["method"] == "POST":
        if origin is None:
            raise Refusal(403, "a request without an origin is refused")
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "only JSON is read")


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """The whole body, which is small."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise Refusal(413, "the request is too large")
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "the request ended early")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise Refusal(413, "the request is too large")
    return body


def _given(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first, then what else comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


def _hardened(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.decode("latin-1").lower() for name, _ in message.get("headers", [])}
            added = {**HEADERS, **({} if "cache-control" in own else {"cache-control": "no-store"})}
            message["headers"] = [
                *message.get("headers", []),
                *((name.encode(), value.encode()) for name, value in added.items()),
            ]
        await send(message)

    return sending


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = f"{refusal.text}\n".encode()
    told = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
    close = [("connection", "close")] if refusal.status in (400, 408, 413) else []  # its body is not read
    headers = [(name.encode(), value.encode()) for name, value in [*told, *close, *refusal.headers]]
    sending = _hardened(send)
    await sending({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await sending({"type": "http.response.body", "body": body})


def _cookie(header: str, name: str) -> str:
    """The value of a cookie; those of other servers on the same host may be of any form."""
    crumbs = (crumb.partition("=") for crumb in header.split(";"))
    return next((value.strip() for key, _, value in crumbs if key.strip() == name), "")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
