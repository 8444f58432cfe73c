"""The application of `asap review` (Starlette): the page, the pairs, and what people decide on them.

GET  /                               the page; /static/NAME its other files
GET  /api/dataset                    title, ids, columns to filter and sort by, decisions.jsonl
GET  /api/pairs/ID                   facts of a pair
GET  /pictures/VERSION/ID/NAME.png   chosen, rejected or mask, as the dataset holds it
GET  /api/decisions?after=N          decisions and undos above number N
POST /api/decisions                  one decision or undo
GET  /api/agreement                  between the people who decided
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asap.errors import UserError
from asap.pairs.hap import decisions
from asap.review import agreement
from asap.review.gallery import Gallery
from asap.store import Row, content_id
from asap.web import assets, pages
from asap.web.journal import Answer, Journal

LONGEST = {"key": 64, "pair": 128, "who": 40, "error": 80, "undoes": 64}
"""Characters of what a decision tells."""
PEOPLE = 200
"""Most reviewers of a dataset."""
FOREVER = {"cache-control": "private, max-age=604800, immutable"}


def application(folder: Path, gallery: Gallery, journal: Journal) -> Starlette:
    """The application for the dataset `gallery` in `folder`, its decisions kept in `journal`."""
    page = Page(folder, gallery, journal)
    return Starlette(
        routes=[
            Route("/", page.index),
            Route("/static/{name}", page.static),
            Route("/api/dataset", page.dataset),
            Route("/api/pairs/{pair}", page.pair),
            Route("/api/decisions", page.decisions, methods=["GET"]),
            Route("/api/decisions", page.decide, methods=["POST"]),
            Route("/api/agreement", page.agreement),
            Route("/pictures/{version}/{pair}/{name}.png", page.picture),
        ],
        exception_handlers={UserError: pages.troubled},
    )


class Page(pages.Files):
    """The endpoints; those that are no coroutines run in threads."""

    def __init__(self, folder: Path, gallery: Gallery, journal: Journal) -> None:
        super().__init__(assets.load("asap.web") | assets.load("asap.review"))
        self.folder, self.gallery, self.journal = folder, gallery, journal
        self.people = set(journal.people())

    def dataset(self, request: Request) -> Response:
        """What the page filters and sorts."""
        lines = {pair: decision._asdict() for pair, decision in decisions.written(self.folder).items()}
        known = {
            "name": content_id(str(self.folder.resolve())),
            "title": self.gallery.title,
            "version": self.gallery.version,
            "written": {pair: line for pair, line in lines.items() if pair in self.gallery},
        }
        return _json(known | self.gallery.listing())

    def pair(self, request: Request) -> Response:
        """The facts of a pair."""
        pair = request.path_params["pair"]
        if pair not in self.gallery:
            raise HTTPException(404)
        return _json(self.gallery.facts(pair), FOREVER)

    def picture(self, request: Request) -> Response:
        """A picture of a pair; of the dataset that is open, whatever version the address names."""
        try:
            data = self.gallery.picture(request.path_params["pair"], request.path_params["name"])
        except KeyError:
            data = None
        if data is None:
            raise HTTPException(404)
        return Response(data, media_type="image/png", headers=FOREVER)

    def decisions(self, request: Request) -> Response:
        """The journal above a number, undos among them."""
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 15:
            raise HTTPException(400, "after: give a number")
        found = self.journal.entries(int(after))
        return _json({"entries": [_told(number, time, answer) for number, time, answer in found]})

    async def decide(self, request: Request) -> Response:
        """Put one decision or undo on the disk."""
        answer = _answer(await request.body())
        number = await run_in_threadpool(self._add, answer)
        return _json({"number": number})

    def _add(self, answer: Answer) -> int:
        if answer.item not in self.gallery:
            raise HTTPException(404, "there is no such pair")
        if answer.person not in self.people:
            self.people = {*self.journal.people(), answer.person}
            if len(self.people) > PEOPLE:
                self.people.discard(answer.person)
                raise HTTPException(403, "there are too many reviewers")
        try:
            return self.journal.add(answer)
        except ValueError as error:
            raise HTTPException(409, str(error)) from None

    def agreement(self, request: Request) -> Response:
        """How far people agree so far."""
        found = self.journal.standing()
        said = agreement.by_item((answer.item, answer.person, answer.word) for answer in found)
        told = {
            "alpha": agreement.alpha(said),
            "twos": [two._asdict() for two in agreement.twos(said)],
            "shared": sum(len(votes) > 1 for votes in said.values()),
            "disputed": len(agreement.disputed(said)),
            "people": {name: sum(name in votes for votes in said.values()) for name in self.journal.people()},
        }
        return _json(told)


def _told(number: int, time: str, answer: Answer) -> Row:
    """An entry under the names that the page uses."""
    return {
        "number": number,
        "time": time,
        "key": answer.key,
        "pair": answer.item,
        "who": answer.person,
        "word": answer.word,
        "error": answer.detail,
        "seconds": answer.seconds,
        "undoes": answer.undoes,
    }


def _answer(body: bytes) -> Answer:
    """The decision or undo that a request spells out; HTTPException (400) where it is none."""
    try:
        row = json.loads(body)
    except ValueError:
        raise HTTPException(400, "not JSON") from None
    if not isinstance(row, dict):
        raise HTTPException(400, "expected an object")
    undoes, word = _text(row, "undoes", optional=True), row.get("word")
    if word not in (*decisions.WORDS, "") or (word == "") != (undoes is not None):
        raise HTTPException(400, f"word: one of {', '.join(decisions.WORDS)}")
    return Answer(
        key=_text(row, "key") or "",
        item=_text(row, "pair") or "",
        person=_text(row, "who") or "",
        word=word,
        detail=_text(row, "error", optional=True) if word == decisions.WRONG_LABEL else None,
        seconds=_seconds(row.get("seconds")),
        undoes=undoes,
    )


def _text(row: Mapping[str, Any], name: str, *, optional: bool = False) -> str | None:
    """A short text of visible characters."""
    value = row.get(name)
    if value is None and optional:
        return None
    text = value if isinstance(value, str) else ""
    hidden = any(unicodedata.category(letter)[0] == "C" for letter in text)
    if hidden or not text.strip() or len(text) > LONGEST[name]:
        raise HTTPException(400, f"{name}: give 1 to {LONGEST[name]} letters")
    return " ".join(text.split())


def _seconds(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return min(max(float(value), 0.0), 86400.0) if known else None  # type: ignore[arg-type]


def _json(value: object, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json", headers=headers)
