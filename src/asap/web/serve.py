"""The server of a local page: an address, a token where it wants one, and uvicorn behind `security.Guard`."""

from __future__ import annotations

import importlib.util
import ipaddress
import secrets
import socket
from typing import NamedTuple

from asap.errors import UserError
from asap.web.security import LOOPBACK, Application, Guard, Policy

TOKEN_BYTES = 24
CONNECTIONS = 128  # at once, all clients together


class Place(NamedTuple):
    """Where a server listens.

    Attributes:
        socket: bound and listening.
        url: what to open, with the token where there is one.
        policy: what the server wants of requests.
    """

    socket: socket.socket
    url: str
    policy: Policy


def check_installed(extra: str) -> None:
    """Raise UserError unless starlette and uvicorn, which `extra` brings, are installed."""
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise UserError(f"{name} is not installed; run `pip install 'asap-align[{extra}]'`")


def listen(host: str, port: int, name: str, *, token: bool = False) -> Place:
    """Listen on `host` and `port` (0: any that is free), with a new token unless `host` is loopback.

    Args:
        host: an address or a name of this machine.
        port: in [0, 65535].
        name: of the page, for its cookie.
        token: want a token on loopback too.

    Raises:
        UserError: no such host, a port that is taken or cannot be.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"--port {port}: give a number from 1 to 65535, or 0 for any that is free")
    found = _bound(host, port)
    address, port = found.getsockname()[:2]
    local = ipaddress.ip_address(address).is_loopback
    secret = secrets.token_urlsafe(TOKEN_BYTES) if token or not local else None
    shown = f"[{address}]" if ":" in address else address
    hosts = {f"{known}:{port}".removesuffix(":80") for known in (*LOOPBACK, shown)} if local else set()
    policy = Policy(frozenset(hosts), secret, f"asap-{name}-{port}")
    url = f"http://{_reachable(address, shown)}:{port}/" + (f"?token={secret}" if secret else "")
    return Place(found, url, policy)


def serve(app: Application, place: Place) -> None:
    """Answer requests until interrupted (Ctrl-C, or SIGTERM)."""
    from uvicorn.config import Config
    from uvicorn.server import Server

    settings = Config(
        Guard(app, place.policy),
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16384,
    )
    try:
        Server(settings).run(sockets=[place.socket])
    except KeyboardInterrupt:
        pass  # how a person ends it
    finally:
        place.socket.close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UserError(f"--host {host}: no such address; 127.0.0.1 is this machine alone") from None
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        raise UserError(
            f"cannot listen on {host}:{port} ({error.strerror}); give another --port, 0 for any that is free"
        ) from None
    return found


def _reachable(address: str, shown: str) -> str:
    """The name by which another machine may find this one, where it listens on all addresses."""
    return socket.gethostname() if ipaddress.ip_address(address).is_unspecified else shown
