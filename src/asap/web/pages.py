"""What the applications of all local pages share: their own files, and what is told when something fails."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from asap.web.assets import Asset


class Files:
    """The endpoints of a page's own files; those that are no coroutines run in threads."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self.assets = assets

    def index(self, request: Request) -> Response:
        """The page."""
        return _file(self.assets["index.html"])

    def static(self, request: Request) -> Response:
        """A file of the page's own."""
        found = self.assets.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return _file(found)


def troubled(request: Request, error: Exception) -> Response:
    """A full disk, or a damaged file: told where the server runs; the page keeps what it could not send."""
    print(f"asap: {error}", file=sys.stderr, flush=True)
    return Response("the server cannot read or write its files", 503)


def _file(found: Asset) -> Response:
    return Response(found.body, media_type=found.kind, headers={"cache-control": "no-cache"})
