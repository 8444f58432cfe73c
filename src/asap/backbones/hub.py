"""The hub of models and datasets: asked once, its refusals told in one line.

The hub's own functions try again and again for half a minute, a warning each time, before they say that there
is no network. So `ask` sends one request first; downloads happen after it, with their usual patience.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.constants import HUGGINGFACE_HEADER_X_REPO_COMMIT
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from asap.errors import UserError

Kind = Literal["model", "dataset"]
ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[\w.-]+")  # owner/name
BUSY = (408, 429, 500, 502, 503, 504)  # answers after which a download waits and tries again


def is_id(source: str) -> bool:
    """Whether `source` can be the id of a model or dataset, as owner/name can."""
    return ID.fullmatch(source) is not None


def model_file(model: str, name: str) -> Path:
    """The file `name` of the hub's `model`, from the cache or else downloaded.

    Raises:
        UserError: no such model or file, no right to it, or no network.
    """
    try:
        return Path(hf_hub_download(model, name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        pass  # not in the cache
    if not ask("model", model, name):
        raise UserError(f"the hub's model {model} has no {name}; give one in diffusers' layout")
    return Path(hf_hub_download(model, name))


def ask(kind: Kind, source: str, name: str) -> bool:
    """Whether the hub's `source` holds the file `name`, by one request; True too where the hub is busy.

    Raises:
        UserError: nothing of that name, no right to it, or no network.
    """
    return _ask(kind, source, name)[0]


@contextmanager
def or_cache(kind: Kind, source: str, name: str) -> Iterator[None]:
    """Inside, libraries that load the hub's `source` use its cache alone if the hub cannot be asked (`ask`).

    Left to themselves they would ask again and again for half a minute, a warning each.

    Raises:
        UserError: as `ask`, where what is done inside fails then.
    """
    try:
        ask(kind, source, name)
    except UserError as error:
        refusal = error
    else:
        yield
        return
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    except Exception:  # what it takes is not in the cache
        raise refusal from None
    finally:
        constants.HF_HUB_OFFLINE = before


def revision(kind: Kind, source: str, name: str = "README.md") -> str:
    """The commit that the hub's `source` is at, by one request for the file `name`, which may be missing.

    Raises:
        UserError: as `ask`, and where the hub is busy.
    """
    commit = _ask(kind, source, name)[1]
    if commit is None:
        raise UserError(f"the hub does not tell the revision of {source}; try again in a minute")
    return commit


def _ask(kind: Kind, source: str, name: str) -> tuple[bool, str | None]:
    try:
        return True, get_hf_file_metadata(hf_hub_url(source, name, repo_type=kind)).commit_hash
    except EntryNotFoundError as error:
        headers = getattr(getattr(error, "response", None), "headers", {})
        return False, headers.get(HUGGINGFACE_HEADER_X_REPO_COMMIT)
    except Exception as error:  # no network: by the hub's version an error of requests, httpx or httpx2
        if getattr(getattr(error, "response", None), "status_code", None) not in BUSY:
            raise UserError(_told(kind, source, error)) from None
    return True, None


def _told(kind: Kind, source: str, error: Exception) -> str:
    log_in = "log in by `hf auth login` or set HF_TOKEN"
    match error:
        case HFValidationError():
            return f"no folder {source}, and that is no hub id either"
        case GatedRepoError():
            return f"{source} is gated: accept its licence on its page of the hub, then {log_in}"
        case RepositoryNotFoundError():
            hint = f"check the name, or, if it is private, {log_in}"
            return f"no folder {source}, nor a {kind} of that name on the hub; {hint}"
        case HfHubHTTPError() if error.response.status_code == 401:
            return f"the hub refuses your token for {source}; {log_in} anew"
        case OfflineModeIsEnabled():
            return f"no folder {source}, nor in the hub's cache; unset HF_HUB_OFFLINE to download it"
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"no folder {source}, and the hub cannot be asked for it ({reason}); check the network"
