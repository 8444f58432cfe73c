"""`asap publish`: a finished HAP dataset, as people decided, to the hub, a folder or object storage.

What goes out is written anew from the pairs: parquet, card, preview, contact sheet. Accounts of photos, the
work of a run under way and settings stay here, and no path of this machine is in any of it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import fsspec  # type: ignore[import-untyped]
import tyro

from asap import command
from asap.errors import UserError
from asap.pairs.exchange.hub import upload
from asap.pairs.hap import dataset, decisions, splits
from asap.pairs.hap.decisions import Decision
from asap.pairs.ledger import WORK
from asap.store import Row, exclusive

STAGED = ".publish"
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True)
class Config(command.Settings):
    """Publish a HAP dataset, without pairs that people rejected; again, it is replaced."""

    hap: tyro.conf.Positional[Path]
    """Folder of a finished dataset."""
    target: tyro.conf.Positional[str]
    """A repository on the hub (OWNER/NAME), a url that fsspec knows (s3://bucket/hap), or a folder: any other
    path, such as NAME, ./OWNER/NAME or one that is there already."""
    public: bool = False
    """On the hub: let everybody see it. A repository is made private unless this is given."""


def run(config: Config) -> Path:
    """Publish the dataset; returns its own folder.

    Raises:
        UserError: no dataset or an unfinished one, nothing left after decisions, or a target that refuses.
    """
    check_finished(config.hap)
    with exclusive(config.hap):
        check_finished(config.hap)
        kind = kind_of(config.target)
        if kind == "folder":
            folder = Path(config.target).expanduser()
            _check_apart(config.hap, folder)
            with exclusive(folder):
                counted = write_decided(config.hap, folder)
            (folder / ".lock").unlink(missing_ok=True)
        else:
            counted = _send(config, kind)
    print(f"{'folder ' if kind == 'folder' else ''}{config.target}: {counted}")
    return config.hap


def kind_of(target: str) -> str:
    """ "hub", "url" or "folder": what `target` names."""
    if "://" in target:
        return "url"
    if _REPOSITORY.fullmatch(target) and not target.startswith(("./", "../")) and not Path(target).exists():
        return "hub"
    return "folder"


def check_finished(folder: Path) -> None:
    """Raises UserError: there is no finished dataset in `folder`."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one that `asap build` or `asap figures` made")
    if (folder / WORK).exists():
        raise UserError(f"{folder} is unfinished: run the same `asap build` again, then publish")
    if not dataset.whole(folder):
        raise UserError(f"{folder} holds no finished dataset; make one by `asap build` or `asap figures`")


def write_decided(source: Path, folder: Path, *, hub: bool = False) -> str:
    """Write the pairs of the dataset `source` as people decided to the dataset `folder`; tells how many.

    `hub`: with a card for the hub.
    """
    decided = decisions.read(source)
    known = dataset.about(source)
    where: dict[str, str] = {}
    for split in splits.SPLITS:
        names = (bare(row["source"]) for row in dataset.read(source, ["source"], split))
        where |= dict.fromkeys(names, split)
    dataset.write(
        folder,
        rows(source, decided),
        title=known["title"],
        notes=known["notes"],
        splits=where,
        test_share=known["test_share"],
        hub=hub,
    )
    return counts(source, folder, decided)


def rows(folder: Path, decided: Mapping[str, Decision], split: str | None = None) -> Iterator[Row]:
    """The rows of a dataset as people decided, without paths of this machine."""
    for row in dataset.read(folder, split=split):
        kept = decisions.applied(row, decided)
        if kept is not None:
            yield kept | {"source": bare(kept["source"])}


def bare(source: str) -> str:
    """`source` as it is where relative, else its last part alone."""
    away = PurePosixPath(source).is_absolute() or PureWindowsPath(source).drive
    return PureWindowsPath(source).name if away else source


def counts(source: Path, folder: Path, decided: Mapping[str, Decision]) -> str:
    """How many pairs of `source` came to `folder`, in words."""
    here, there = (sum(1 for _ in dataset.read(place, ["id"])) for place in (source, folder))
    named = sum(decision.word == decisions.WRONG_LABEL for decision in decided.values())
    words = [f"{there} pairs"]
    words += [f"{here - there} rejected ones left out"] if here > there else []
    words += [f"labels of {named} set right or taken off"] if named else []
    return ", ".join(words)


def _check_apart(source: Path, folder: Path) -> None:
    here, there = source.resolve(), folder.resolve()
    if here == there or there.is_relative_to(here) or here.is_relative_to(there):
        raise UserError(f"{folder} is the dataset itself, or one lies in the other; give a folder beside it")
    if folder.is_dir() and not (folder / dataset.ABOUT).exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds other things; give a new folder, or one published to before")


def _send(config: Config, kind: str) -> str:
    """Write the dataset beside its source and send it from there."""
    staged = config.hap / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    try:
        counted = write_decided(config.hap, staged, hub=kind == "hub")
        if kind == "hub":
            upload(staged, config.target, public=config.public)
        else:
            _copy(staged, config.target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return counted


def _copy(folder: Path, url: str) -> None:
    """Copy the dataset to object storage: pairs first, the card last; parquet files of before are removed."""
    try:
        system, root = fsspec.core.url_to_fs(url)
        files = sorted(
            (path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name == "README.md"
        )
        places = {f"{root.rstrip('/')}/{path.relative_to(folder).as_posix()}": path for path in files}
        for place, path in places.items():
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
            system.put_file(str(path), place)
        for old in _stale(system, f"{root.rstrip('/')}/data", places):
            system.rm_file(old)
    except Exception as error:  # each kind of storage has errors of its own
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"cannot write to {url} ({type(error).__name__}: {reason}); check it and your rights"
        ) from None


def _stale(system: Any, folder: str, places: Mapping[str, Path]) -> list[str]:
    """Parquet files in `folder` that are none of `places`."""
    kept = {place.lstrip("/") for place in places}
    return [
        name
        for name in system.ls(folder, detail=False)
        if name.endswith(".parquet") and name.lstrip("/") not in kept
    ]


def main(argv: Sequence[str]) -> None:
    """`asap publish`."""
    run(command.parse(Config, argv, "publish"))
