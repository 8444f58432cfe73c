"""Files that survive a kill: atomic writes, append-only rows, ids and seeds from content, run folders."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from asap import __version__
from asap.errors import UserError

Row = dict[str, Any]
LONGEST = 60  # characters of a setting that a message shows
WHOLE = 1 << 26  # bytes up to which `sampled_id` hashes a file whole
SAMPLES, PIECE = 64, 1 << 18  # of a larger one: how many pieces, and their bytes
_ID = re.compile(r'"[0-9a-f]{16}"')  # of `content_id` or `file_id`, in JSON


def content_id(*parts: object) -> str:
    """16 hexadecimal digits of the SHA-256 of `parts` written as canonical JSON. Equal parts, equal id."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_id(path: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def sampled_id(path: Path) -> str:
    """16 hexadecimal digits that stand for the file's bytes, quick for files of any size.

    Up to 64 MiB all bytes are hashed; of larger files their length and 64 evenly spaced pieces of 256 KiB,
    the first and the last among them. So a change inside a large file can be missed if it keeps the length;
    one that moves what comes after it, as in compressed pictures, is seen.
    """
    size = path.stat().st_size
    if size <= WHOLE:
        return file_id(path)
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for i in range(SAMPLES):
            file.seek((size - PIECE) * i // (SAMPLES - 1))
            digest.update(file.read(PIECE))
    return digest.hexdigest()[:16]


def folder_id(folder: Path, pattern: str) -> str:
    """The id of the files below `folder` that match `pattern`: their places and `sampled_id`s."""
    files = sorted(path for path in folder.rglob(pattern) if path.is_file())
    return content_id([(path.relative_to(folder).as_posix(), sampled_id(path)) for path in files])


def seed_of(*parts: object) -> int:
    """A seed in [0, 2**63) that depends on `parts` alone, so that every record owns its randomness."""
    return int(content_id(*parts), 16) >> 1


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one whole, whatever is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with full_disk_told(path), os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Inside, a disk or a quota that is full while `path` is written is a `UserError` of one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"the disk is full, so {path} could not be written; free some space, and the same command goes on"
        ) from None


def to_json(value: object, *, indent: int | None = None) -> str:
    """JSON text with sorted keys; dataclasses become objects and paths become strings."""
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def append_rows(path: Path, rows: Iterable[object], *, sync: bool = True) -> None:
    """Append one JSON line per row, flushed to the disk; a half line left by a kill is cut off first.

    Without `sync` the system writes them to the disk when it likes: they outlive this process all the same.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(to_json(row) + "\n" for row in rows)
    with full_disk_told(path), path.open("ab+") as file:
        _cut_half_line(file)
        file.write(text.encode())
        file.flush()
        if sync:
            os.fsync(file.fileno())


def _cut_half_line(file: Any) -> None:
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            file.truncate(start + newline + 1)
            return
        end = start
    file.truncate(0)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON-lines file in order; none where the file is missing. A half last line is left out.

    Raises:
        UserError: a whole line that is not a JSON object.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            if line.strip():
                yield _row(path, number, line)


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path} line {number}: not JSON ({error}); mend or delete that line") from None
    if not isinstance(row, dict):
        raise UserError(f"{path} line {number}: expected a JSON object; mend or delete that line")
    return row


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Inside, no other process works in `folder`, which is made if missing; killed, a process leaves it free.

    A process that has the folder may enter it again. There is no protection on systems without flock.

    Raises:
        UserError: another process has the folder, or it cannot be made or written.
    """
    key = folder.resolve()
    if key in _HELD:
        yield
        return
    made = not folder.exists()
    with _lock_file(folder) as file:
        if not _lock(file):
            raise UserError(
                f"another asap process is working in {folder}; wait for it, or give another --out"
            )
        _HELD.add(key)
        _sweep(folder)
        try:
            yield
        except BaseException:
            _disown(key, made)
            raise
        finally:
            _HELD.discard(key)


_HELD: set[Path] = set()  # folders that this process has
_MADE: set[Path] = set()  # config.json files that this process wrote


def _sweep(folder: Path) -> None:
    """Remove what writers that were killed left behind."""
    for path in folder.rglob(".*.tmp"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _disown(folder: Path, made: bool) -> None:
    """Forget the settings that this process wrote below `folder` where nothing has come of them, and the
    folder itself where it was `made` for that, so that a run that failed at once leaves nothing behind."""
    found = {path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    if found <= _MADE:
        for path in found:
            path.unlink()
        for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            if not any(path.iterdir()):
                path.rmdir()
        if made and [path.name for path in folder.iterdir()] == [".lock"]:
            shutil.rmtree(folder)


def _lock_file(folder: Path) -> BinaryIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / ".lock").open("ab")
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder} is a file, or lies below one; give --out a folder") from None
    except OSError as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}); give another --out") from None


def _lock(file: BinaryIO) -> bool:
    """Lock `file` until it is closed (for a killed process by the kernel); False where another has it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system that knows no locks
    return True


def open_run(folder: Path, stage: str, identity: Row, extra: Row | None = None) -> None:
    """Make the run folder `folder`, or resume it when what was asked for is the same as before.

    `identity` holds every setting that changes the result; it is written to `folder/config.json` with the
    stage's name, the version and `extra` (facts worth keeping that do not decide the result). Stages call
    this, and do their work, inside `exclusive`.

    Raises:
        UserError: the folder belongs to another stage or other settings, holds files that no run put
            there (hidden ones do not count), or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give --out a folder")
    path = folder / "config.json"
    identity = json.loads(to_json(identity))
    if path.exists():
        check_same(folder, stage, identity)
        return
    _check_alone(folder)
    write_config(folder, {"stage": stage, "version": __version__, "identity": identity, **(extra or {})})
    _MADE.add(path.resolve())


def write_config(folder: Path, record: Row) -> None:
    """Write what `read_config` reads."""
    write_atomic(folder / "config.json", to_json(record, indent=2) + "\n")


def _check_alone(folder: Path) -> None:
    visible = folder.glob("[!.]*") if folder.is_dir() else ()
    if (other := min(visible, default=None)) is not None:
        raise UserError(
            f"{folder} holds other files ({_short(other.name)}); give --out a new or empty folder"
        )


def check_same(folder: Path, stage: str, wanted: Row) -> None:
    """Raises UserError: `folder` is of another stage, or its identity is not the `wanted` one."""
    found = read_config(folder)
    if "stage" not in found:
        raise UserError(f"{folder} holds a config.json that is not of asap; give another --out")
    if found["stage"] != stage:
        raise UserError(f"{folder} holds a run of `asap {found.get('stage')}`; give another --out")
    before, now = _flat(found.get("identity", {})), _flat(json.loads(to_json(wanted)))
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        shown = "; ".join(_change(name, before.get(name), now.get(name)) for name in changed)
        raise UserError(
            f"{folder} was made with other settings ({shown}); use the same again, or give another --out"
        )


def _flat(identity: Row, prefix: str = "") -> Row:
    """Settings inside settings under dotted names, so that a change is told by its own name."""
    flat: Row = {}
    for name, value in identity.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _change(name: str, before: object, now: object) -> str:
    """How a setting differs, in words where its values are ids, which tell a person nothing."""
    if not _ID.search(to_json([before, now])):
        return f"{name} was {_short(before)}, now {_short(now)}"
    return f"with other {name}" if before and now else f"with {name}" if before else f"without {name}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def commands_of(folder: Path) -> list[str]:
    """The command that made `folder`, after those that made what it was made from; empty where unknown."""
    if not (folder / "config.json").is_file():
        return []
    return commands_in(read_config(folder))


def commands_in(made: Row) -> list[str]:
    """The commands of a folder that was `made` so: those before it, its own, and those that continued it."""
    own = [made["command"]] if made.get("command") else []
    return [*made.get("before", ()), *own, *made.get("continued", ())]


def read_config(folder: Path) -> Row:
    """What `open_run` wrote in `folder`.

    Raises:
        UserError: there is no such folder, no such file in it, or it is damaged.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; check its name") from None
        raise UserError(f"{folder}: no config.json there, so it is not a folder made by asap") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run the stage again") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} is damaged (not an object); delete it and run the stage again")
    return config
