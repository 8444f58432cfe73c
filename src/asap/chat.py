"""One request to a chat service, repeated until it is answered or given up."""

from __future__ import annotations

import base64
import json
import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from asap.errors import UserError

LARGEST_REPLY = 1 << 20  # bytes; a checklist takes two thousand
KEPT_TEXT = 200  # characters of a service's message that are shown
POLICIES = ("content_policy", "content_filter", "contentpolicy", "contentfilter", "responsibleai")
LONGEST_WAIT = 300.0  # seconds between two tries, whatever Retry-After asks for
FIRST_WAIT = 0.5  # seconds before the second try, doubled for each one after it
NOBODY = 2  # tries after which a service that nothing was ever heard of counts as not there
LONGEST_CONNECT = 10.0  # seconds that a connection may take
JSON = {"content-type": "application/json"}
FATAL = {
    401: "the service refuses the key; check the environment variable that holds it",
    403: "the service denies access; check the key and the model's name",
    404: "no such model or address; check --endpoint (it usually ends in /v1) and --model-name",
}


class UnreachableError(Exception):
    """No answer could be had, and the sample may be tried again in another run."""


class RejectedError(Exception):
    """The service will not serve the request as it stands (HTTP 400, 413, 415, 422, 501)."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class RefusedError(Exception):
    """The service's content policy forbids the request."""


class UnreadableError(Exception):
    """A reply came that is no chat completion."""


@dataclass(frozen=True)
class Embedded:
    """Bytes that stand in a request as a text: `prefix`, and they as base64. JSON's encoder need not look at
    each of their letters."""

    data: bytes = field(repr=False)
    prefix: str = ""


def encoded(body: Mapping[str, Any]) -> bytes:
    """`body` as JSON, with each `Embedded` in its place."""
    mark, found = secrets.token_hex(16), list[Embedded]()

    def named(value: object) -> str:
        if not isinstance(value, Embedded):
            raise TypeError(f"no JSON: {value!r}")
        found.append(value)
        return mark

    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=named)
    first, *rest = text.encode().split(mark.encode())
    parts = [first]
    for one, after in zip(found, rest, strict=True):
        parts += [one.prefix.encode(), base64.b64encode(one.data), after]
    return b"".join(parts)


@dataclass(frozen=True)
class Chat:
    """Sends chat requests; safe to share between threads.

    Attributes:
        client: an httpx client with the service's base URL and headers.
        attempts: tries per request.
        deadline: seconds that one try may take in all.
        stop: when set, waiting ends and every request is given up.
        secret: a text that no message may show.
        heard: set as soon as the service has said anything at all.
        pace: called with `stop` before every try: waits until it may go.
        path: below the base URL, where requests are posted.
        fatal: status -> what to mend, of those after which no request can succeed.
    """

    client: httpx.Client
    attempts: int
    deadline: float
    stop: threading.Event
    secret: str = ""
    heard: threading.Event = field(default_factory=threading.Event)
    pace: Callable[[threading.Event], None] = lambda _: None
    path: str = "chat/completions"
    fatal: Mapping[int, str] = field(default_factory=lambda: FATAL)

    def complete(self, body: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
        """The service's reply to `body`, a chat completion as an object.

        Tries again after HTTP 408, 409, 425, 429 and 5xx, timeouts and cut connections, waiting twice as long
        each time with jitter from `rng`, or as long as Retry-After or google.rpc.RetryInfo asks.

        Raises:
            UserError: the key or the address is wrong, or the quota used up for long, so that no other
                request can succeed either; or no connection could be made, twice, while nothing was ever
                heard of the service.
            RefusedError, RejectedError, UnreadableError, UnreachableError: see there.
        """
        reason = "given up"
        for attempt in range(self.attempts):
            self.pace(self.stop)
            if self.stop.is_set():
                break
            try:
                status, headers, data = self._post(body)
            except httpx.RequestError as error:
                reason, asked = f"{type(error).__name__}: {self._clean(str(error))}", None
                self._check_there(error, attempt, reason)
            else:
                if status == 200:
                    return _object(data)
                reason = f"HTTP {status}: {self._clean(data.decode(errors='replace'))}"
                if forbids(data):
                    raise RefusedError(reason)
                asked = asked_wait(headers, data)
                self._check(status, reason, data)
            if attempt + 1 < self.attempts and self.stop.wait(_wait(attempt, asked, rng)):
                break
        raise UnreachableError(reason)

    def _post(self, body: Mapping[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        # A read timeout alone does not bound a server that drips bytes: the whole reply has a deadline too.
        end, data = time.monotonic() + self.deadline, bytearray()
        with self.client.stream("POST", self.path, content=encoded(body), headers=JSON) as reply:
            self.heard.set()
            for piece in reply.iter_bytes():
                data += piece
                if len(data) > LARGEST_REPLY:
                    raise UnreadableError(f"a reply of more than {LARGEST_REPLY} bytes")
                if time.monotonic() > end:
                    raise httpx.ReadTimeout(f"no whole reply in {self.deadline:g} s")
        return reply.status_code, reply.headers, bytes(data)

    def _check_there(self, error: httpx.RequestError, attempt: int, reason: str) -> None:
        """Raise where nobody ever answered and no connection can be made: that is an address to mend."""
        lost = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        if lost and not self.heard.is_set() and attempt + 1 >= min(NOBODY, self.attempts):
            url = str(self.client.base_url).rstrip("/")
            raise UserError(f"nobody answers at {url} ({reason}); start the service, or check --endpoint")

    def _check(self, status: int, reason: str, data: bytes) -> None:
        """Raise unless another try may help."""
        status = 401 if "api_key_invalid" in _said(data, "reason") else status  # Google says 400 then
        if status in self.fatal:
            raise UserError(f"{self.fatal[status]} ({reason})")
        delay = retry_info(data)
        if status == 429 and delay is not None and delay > LONGEST_WAIT:
            raise UserError(
                f"the quota is used up; run the same again in {delay / 60:.0f} minutes ({reason})"
            )
        if 300 <= status < 400:
            raise UserError(f"the service redirects elsewhere; check --endpoint ({reason})")
        if status in (400, 413, 415, 422, 501):
            raise RejectedError(reason, status)

    def _clean(self, text: str) -> str:
        text = text.replace(self.secret, "***") if self.secret else text
        return " ".join(text.split())[:KEPT_TEXT]


def _wait(attempt: int, asked: float | None, rng: random.Random) -> float:
    wait = FIRST_WAIT * 2**attempt * rng.uniform(0.5, 1.0) if asked is None else asked
    return min(wait, LONGEST_WAIT)


def check_service(endpoint: str, key: str) -> None:
    """Raises UserError: the endpoint is no plain http(s) URL, or the key one that no header can carry."""
    try:
        url = httpx.URL(endpoint)
    except httpx.InvalidURL as error:
        raise UserError(f"--endpoint {endpoint!r} is no URL ({error})") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UserError(f"--endpoint {endpoint!r} is no http or https URL; write http://host:port/v1")
    if url.userinfo or url.query:
        raise UserError("--endpoint must not carry a key; put it in the variable named by --key-variable")
    if not (key.isascii() and key.isprintable()):
        raise UserError("the key holds characters that no HTTP header can carry; check its variable")


def client(endpoint: str, key: str, concurrency: int, timeout: float) -> httpx.Client:
    """A client of the service at `endpoint`, for `concurrency` requests at once; `key` may be ""."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    waits = httpx.Timeout(timeout, connect=min(timeout, LONGEST_CONNECT))
    return httpx.Client(base_url=endpoint.rstrip("/") + "/", headers=headers, timeout=waits, limits=limits)


def text_of(content: Any) -> str:
    """A message's content, which some services send as a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def forbids(data: bytes) -> bool:
    """Whether the body of an error names a content policy as its `code` or `type`, at any depth.

    Messages are not looked at: they may repeat the request.
    """
    return any(policy in code for code in _said(data, "code", "type") for policy in POLICIES)


def _said(data: bytes, *names: str) -> list[str]:
    """The texts that the body of an error has under `names`, in small letters; none where it is no JSON."""
    try:
        entries = list(_entries(json.loads(data)))
    except (ValueError, RecursionError):
        return []
    return [item.lower() for key, item in entries if key in names and isinstance(item, str)]


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key with its value, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for key, item in items:
        yield key, item
        yield from _entries(item)


def asked_wait(headers: httpx.Headers, data: bytes) -> float | None:
    """Seconds that a reply asks to wait, by its Retry-After header or the RetryInfo in its body, or None."""
    asked = retry_after(headers.get("retry-after", ""), datetime.now(UTC))
    return retry_info(data) if asked is None else asked


def retry_info(data: bytes) -> float | None:
    """Seconds of the google.rpc.RetryInfo ("retryDelay": "46s") in the body of an error, or None."""
    delays = _said(data, "retryDelay")
    found = re.fullmatch(r"(\d+(\.\d+)?)s", delays[0]) if delays else None
    return float(found[1]) if found else None


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header (seconds or an HTTP date) asks for; None if it is neither."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds == seconds else None


def _object(data: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(data)
    except (ValueError, RecursionError):
        raise UnreadableError("the reply is not JSON") from None
    if not isinstance(reply, dict):
        raise UnreadableError("the reply is not a JSON object")
    return reply
