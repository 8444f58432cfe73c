"""`asap caption`: captions for the photos of a folder that have none, into its metadata.jsonl.

That file is where `asap build` looks. Lines are added, one as soon as its caption is there, and none is ever
changed or taken away; so the user's own captions stay, and a run that was killed continues.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from asap import chat, command, progress
from asap.errors import UserError
from asap.pairs.captions.captioners import INSTRUCTION, PROBED, Caption, Captioner, Local, Service
from asap.pairs.sources import folder
from asap.pairs.sources.find import find_photos
from asap.records import Photo
from asap.store import Row, append_rows, exclusive
from asap.wording import counted

FILE = "metadata.jsonl"
OWN = '{"captioner": '  # how a line of ours begins
PLACE = ".asap"
"""A hidden folder among the photos that keeps a second process away."""


@dataclass(frozen=True)
class Config(command.Settings):
    """Describe the photos that have no caption. Give --endpoint and --model-name, or --model."""

    photos: tyro.conf.Positional[Path]
    """Folder of photos; captions go to its metadata.jsonl, and no line that is there is changed."""
    endpoint: str = ""
    """Base URL of an OpenAI-compatible service, such as http://localhost:8000/v1."""
    model_name: str = ""
    """The service's name of its model, one that sees pictures."""
    key_variable: str = "ASAP_CAPTION_KEY"
    """Environment variable that holds the service's key; unset means no key."""
    concurrency: int = 8
    """Requests under way at once."""
    timeout: float = 120.0
    """Seconds that one try may take."""
    attempts: int = 6
    """Tries per photo."""
    model: str = ""
    """Instead of a service: folder or hub id of an image-text-to-text model of transformers."""
    device: str = ""
    """Of --model: cpu or cuda; cuda where there is one."""
    instruction: str = INSTRUCTION
    """What the model is asked."""
    size: int = 1024
    """Longest side of the picture that the model sees, in pixels."""
    exclude: tuple[str, ...] = ()
    """Patterns of files to leave out, such as "drafts/*"."""


def run(config: Config) -> Path:
    """Caption the photos; returns the metadata.jsonl.

    Raises:
        UserError: no photos, no captioner or one that cannot be reached, or a folder that cannot be written.
    """
    _check(config)
    folder.refuse_made(config.photos)
    path = config.photos / FILE
    photos, _ = find_photos(config.photos, config.exclude)
    if not os.access(path if path.exists() else config.photos, os.W_OK):
        raise UserError(f"{path} cannot be written; make a copy of the folder that can")
    with exclusive(config.photos / PLACE):
        _mend(path)
        todo = lacking(path, photos)
        if not todo:
            print(f"{path}: nothing to do; all of {len(photos)} photos have captions")
        else:
            _write(path, captioner(config), todo, config.endpoint or config.model)
    return path


def _check(config: Config) -> None:
    if bool(config.model) == bool(config.endpoint):
        raise UserError("give either --endpoint URL and --model-name NAME, or --model FOLDER")
    if config.endpoint and not config.model_name:
        raise UserError("--endpoint needs --model-name NAME, the service's name of its model")
    for name in ("concurrency", "timeout", "attempts", "size"):
        if not getattr(config, name) > 0:
            raise UserError(f"--{name} is {getattr(config, name)}; give more than 0")
    if config.endpoint:
        chat.check_service(config.endpoint, _key(config))


def _key(config: Config) -> str:
    return os.environ.get(config.key_variable, "").strip()


def captioner(config: Config) -> Captioner:
    """Who describes the photos."""
    if config.model:
        return Local(config.model, config.device, config.instruction, config.size)
    return Service(
        config.endpoint,
        config.model_name,
        _key(config),
        config.instruction,
        config.size,
        config.concurrency,
        config.timeout,
        config.attempts,
    )


def lacking(path: Path, photos: Sequence[Photo]) -> list[Photo]:
    """The photos without a caption, and those with one of ours made when they were other pictures."""
    described = {(row["file_name"], row["text"]): row["photo"] for row in _ours(path)}
    return [
        photo
        for photo in photos
        if photo.caption is None or described.get((photo.source, photo.caption), photo.id) != photo.id
    ]


def _ours(path: Path) -> Iterator[Row]:
    """The lines of ours in a metadata.jsonl."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else ():
        if line.startswith(OWN):
            yield json.loads(line)


def _mend(path: Path) -> None:
    """Make the file end with a line's end, so that nothing of the user's is lost when lines are added.

    What a kill left of a line of ours is taken away.
    """
    data = path.read_bytes() if path.is_file() else b""
    last = data.rpartition(b"\n")[2]
    if last and not (last.startswith(OWN.encode()) or OWN.encode().startswith(last)):
        with path.open("ab") as file:
            file.write(b"\n")
    elif last:
        with path.open("rb+") as file:
            file.truncate(len(data) - len(last))


def _write(path: Path, made: Captioner, todo: Sequence[Photo], place: str) -> None:
    """Add a line for each photo that gets a caption; tell what became of the others."""
    reasons = Counter[str]()
    written = 0
    with progress.bar(
        _reached(made.describe(todo), place), total=len(todo), desc="caption", unit="photo"
    ) as bar:
        for caption in bar:
            if caption.text is None:
                reasons[caption.reason] += 1
                continue
            append_rows(path, [_line(caption, made.name)])
            written += 1
    without = counted(sum(reasons.values()), "photo")
    print(f"{path}: {counted(written, 'caption')} more by {made.name}, {without} without")
    for reason, count in reasons.most_common(10):
        print(f"  {count:6}  {reason}")


def _line(caption: Caption, name: str) -> Row:
    """A line of ours; the licence that an earlier line may tell is in it, for the last line counts."""
    photo = caption.photo
    told = {"license": photo.licence} if photo.licence else {}
    return {"file_name": photo.source, "text": caption.text, "captioner": name, "photo": photo.id, **told}


def _reached(captions: Iterator[Caption], place: str) -> Iterator[Caption]:
    """`captions`, as long as not all of the first of them were lost on the way.

    Raises:
        UserError: then.
    """
    reached, lost = False, 0
    for caption in captions:
        yield caption
        reached = reached or caption.reached
        lost += not caption.reached
        if lost >= PROBED and not reached:
            raise UserError(f"{place} answered for none of {lost} photos ({caption.reason}); mend that")


def main(argv: Sequence[str]) -> None:
    """`asap caption`."""
    run(command.parse(Config, argv, "caption"))
