"""The application of `asap study` (Starlette): a rater's page, questions and pictures, and the answers.

GET  /                            the join page; /static/NAME the page's files
POST /api/join                    a place that nobody has yet
GET  /r/TOKEN                     a rater's page
GET  /r/TOKEN/api/study           the questions by opaque ids, and what was answered
POST /r/TOKEN/api/answers         one answer, or the consent
GET  /r/TOKEN/pictures/ID.png     a picture of one of the rater's questions
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asap.errors import UserError
from asap.store import Row
from asap.study import answers
from asap.study.folder import CONSENT, JOINED, PICTURES, Rater, Study, new_secret
from asap.web import assets, pages
from asap.web.journal import Answer, Journal

FOREVER = {"cache-control": "private, max-age=604800, immutable"}


def files() -> dict[str, assets.Asset]:
    """The page's own files, those that all pages share among them."""
    return assets.load("asap.web") | assets.load("asap.study")


def doors(study: Study) -> frozenset[str]:
    """The paths that open without the server's token: raters' pages, and the page's own files."""
    pages = {f"/r/{rater.token}" for rater in study.raters}
    return frozenset(pages | {f"/static/{name}" for name in files()})


def application(folder: Path, study: Study, journal: Journal) -> Starlette:
    """The application for `study` in `folder`, its answers kept in `journal`."""
    page = Page(folder, study, journal)
    return Starlette(
        routes=[
            Route("/", page.index),
            Route("/static/{name}", page.static),
            Route("/api/join", page.join, methods=["POST"]),
            Route("/r/{token}", page.rater_index),
            Route("/r/{token}/api/study", page.study),
            Route("/r/{token}/api/answers", page.answer, methods=["POST"]),
            Route("/r/{token}/pictures/{picture}.png", page.picture),
        ],
        exception_handlers={UserError: pages.troubled},
    )


class Page(pages.Files):
    """The endpoints; those that are no coroutines run in threads."""

    def __init__(self, folder: Path, study: Study, journal: Journal) -> None:
        super().__init__(files())
        self.folder, self.plan, self.journal = folder, study, journal
        self.raters = {rater.token: rater for rater in study.raters}
        self.pictures = {rater.token: _pictures(study, rater) for rater in study.raters}
        self.turn = threading.Lock()
        self.done: dict[str, set[str]] = defaultdict(set)  # questions answered, by rater
        for answer in journal.standing():
            self.done[answer.person].add(answer.item)

    def rater_index(self, request: Request) -> Response:
        """A rater's page."""
        self._rater(request)
        return self.index(request)

    def join(self, request: Request) -> Response:
        """The page of a rater whose place nobody has, which is taken with that.

        The last free place, because links are sent out from the first on.
        """
        with self.turn:
            free = next((rater for rater in self.plan.raters[::-1] if not self.done[rater.name]), None)
            if free is None:
                raise HTTPException(409, "all places of this study are taken")
            self.journal.add(Answer(new_secret(), JOINED, free.name, "yes"))
            self.done[free.name].add(JOINED)
        return _json({"page": f"/r/{free.token}"})

    def study(self, request: Request) -> Response:
        """What the rater is asked, and has answered."""
        rater = self._rater(request)
        found = {a.item: a for a in self.journal.standing() if a.person == rater.name and a.item != JOINED}
        self.done[rater.name] |= found.keys()  # some may have come by `asap study-import`
        told = {item: {"word": a.word, **json.loads(a.detail or "{}")} for item, a in found.items()}
        return _json(self.plan.shown(rater) | {"answers": told} | self._end(rater))

    async def answer(self, request: Request) -> Response:
        """Put one answer on the disk."""
        rater = self._rater(request)
        try:
            found = answers.read(_object(await request.body()), self.plan, rater)
        except answers.Wrong as wrong:
            raise HTTPException(404 if wrong.unknown else 400, str(wrong)) from None
        number = await run_in_threadpool(self._add, found)
        return _json({"number": number} | self._end(rater))

    def _add(self, answer: Answer) -> int:
        if answer.item != CONSENT and CONSENT not in self.done[answer.person]:
            raise HTTPException(403, "there is no consent yet")
        try:
            number = self.journal.add(answer)
        except ValueError as error:
            raise HTTPException(409, str(error)) from None
        self.done[answer.person].add(answer.item)
        return number

    def picture(self, request: Request) -> Response:
        """A picture of one of the rater's questions."""
        rater, name = self._rater(request), request.path_params["picture"]
        if name not in self.pictures[rater.token]:
            raise HTTPException(404)
        data = (self.folder / PICTURES / f"{name}.png").read_bytes()
        return Response(data, media_type="image/png", headers=FOREVER)

    def _rater(self, request: Request) -> Rater:
        rater = self.raters.get(request.path_params["token"])
        if rater is None:
            raise HTTPException(404, "this link belongs to no rater of the study")
        return rater

    def _end(self, rater: Rater) -> Row:
        """The completion code, once all questions are answered."""
        whole = all(asked.id in self.done[rater.name] for asked in rater.asked)
        return {"completion": rater.completion} if whole else {}


def _pictures(study: Study, rater: Rater) -> frozenset[str]:
    return frozenset(picture for asked in rater.asked for picture in study.items[asked.item].pictures)


def _object(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "not JSON") from None


def _json(value: object, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json", headers=headers)
