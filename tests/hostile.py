"""A page of another origin that tries all a browser lets it try with a local page: to post, and to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from http.server import BaseHTTPRequestHandler
from typing import Any

import loopback

PAGE = """<form id=f method=post action="{post}" enctype="text/plain" target=w>
<input name='{name}' value='"}}'></form>
<iframe name=w></iframe>{pictures}{frames}{scripts}"""
ATTACK = """async ([post, text, reads]) => {
  const ways = [{mode: "no-cors"}, {mode: "cors", headers: {"content-type": "application/json"}}, {credentials: "include"}];
  await Promise.all(ways.map((how) => fetch(post, {method: "POST", body: text, ...how}).catch(() => 0)));
  const gone = new Promise((resolve) => { document.querySelector("iframe").onload = resolve; });
  document.getElementById("f").submit();
  await gone;
  const modes = reads.flatMap((url) => ["no-cors", "cors"].map((mode) => fetch(url, {mode, credentials: "include"})));
  const texts = await Promise.all(modes.map((reply) => reply.then((found) => found.text()).catch(() => "")));
  return [texts.join(""), ...[...document.images].map((image) => image.naturalWidth || "")].join("");
}"""  # noqa: E501


def attack(browser: Any, posts: Sequence[tuple[str, dict[str, Any]]], reads: Sequence[str]) -> str:
    """Send `posts` (address, JSON) as forms and by fetch, and show and fetch `reads`, from another port of
    the same site and from another site; returns what could be read: texts, and the widths of pictures."""
    page_now = b""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page_now)

        def log_message(self, *_: object) -> None:
            pass

    found = ""
    with loopback.served(Elsewhere) as here:
        for address in (here, here.replace("127.0.0.1", "localhost")):
            for post, body in posts:
                page_now = _page(post, body, reads)
                page = browser.new_context().new_page()
                page.goto(address)
                found += page.evaluate(ATTACK, [post, json.dumps(body), list(reads)])
                found += "".join(frame.content() for frame in page.frames if "</header>" in frame.content())
                page.context.close()
    return found


def _page(post: str, body: dict[str, Any], reads: Sequence[str]) -> bytes:
    tags = {
        "pictures": "".join(f'<img src="{escape(url)}">' for url in reads),
        "frames": "".join(f'<iframe src="{escape(url)}"></iframe>' for url in reads),
        "scripts": "".join(f'<script src="{escape(url)}"></script>' for url in reads),
    }
    name = json.dumps({**body, "x": ""})[:-2]  # text/plain sends NAME=VALUE: JSON as a whole
    return PAGE.format(post=escape(post), name=escape(name), **tags).encode()
