"""The file of prompts that are drawn while a run goes on."""

from __future__ import annotations

import json
from pathlib import Path

from asap.errors import UserError

MOST = 64  # pictures at a time


def read(path: Path, seeds: int) -> list[str]:
    """The prompts in `path`: one a line, or JSON lines with `text`.

    Raises:
        UserError: no such file, no prompts, a line that is none, or too many pictures.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        prompts = [str(json.loads(line)["text"]) for line in lines] if path.suffix == ".jsonl" else lines
    except OSError as error:
        raise UserError(f"--validation-prompts {path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"--validation-prompts {path}: a line is no object with `text` ({error})") from None
    if not prompts:
        raise UserError(f"--validation-prompts {path} holds no prompts; write one per line")
    if len(prompts) * seeds > MOST:
        raise UserError(
            f"--validation-prompts {path}: {len(prompts) * seeds} pictures each time; {MOST} at most"
        )
    return prompts
