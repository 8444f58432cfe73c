"""What became of each photo: accounts that let `asap build` continue, and the dataset put together.

    HAP/.work/<key>.json, <key>.parquet    photos done in this run, or in one that was killed
    HAP/photos.jsonl, rejected.jsonl       accounts of the photos of the finished dataset; what was rejected

At the end what `.work` holds goes before what was finished earlier, and `.work` is moved away in one step
when all else is in place; so a kill at any point leaves something from which the same end is reached.
"""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from asap.errors import UserError
from asap.pairs.hap import dataset, splits
from asap.pairs.hap import terms as decided
from asap.pairs.hap.terms import Plan, Terms
from asap.pairs.photos import excluded
from asap.pairs.worker import key_of
from asap.records import Photo
from asap.store import Row, read_rows, to_json

Accounts = dict[str, Row]
"""The account of each photo (`worker.process`) by its source."""

WORK, DONE = ".work", ".done"
_by_source = itemgetter("source")


def recover(folder: Path) -> None:
    """Finish the last steps of a run that was killed while it put its results in place."""
    dataset.recover(folder)
    shutil.rmtree(folder / DONE, ignore_errors=True)


def kept(
    folder: Path, photos: Sequence[Photo], exclude: Sequence[str], rejected: frozenset[str] = frozenset()
) -> Accounts:
    """Accounts of photos that were finished earlier and still hold.

    A photo that has since been changed, moved or excluded, or whose caption has, does not; nor does one whose
    pair was dropped as `rejected` by people and is not rejected any more. One that is not in its place any
    more does, for its pairs are not lost with it.
    """
    keys = {photo.source: key_of(photo) for photo in photos}
    present = {photo.id for photo in photos}
    accounts = {row["source"]: row for row in read_rows(folder / "photos.jsonl")}
    return {
        source: row
        for source, row in accounts.items()
        if not excluded(source, exclude)
        and (
            keys[source] == row["key"] and rejected.issuperset(row.get("dropped", ()))
            if source in keys
            else row["id"] not in present
        )
    }


def is_stale(folder: Path, before: Accounts) -> bool:
    """Whether the finished dataset holds more photos than those in `before`."""
    return any(row["source"] not in before for row in read_rows(folder / "photos.jsonl"))


def is_done(folder: Path, photo: Photo) -> bool:
    """Whether `.work` has the photo's account."""
    return _account(folder, photo).exists()


def fresh(folder: Path, photos: Sequence[Photo]) -> Accounts:
    """The accounts in `.work` of these photos, with the number of "rejected" attempts."""
    paths = {photo.source: _account(folder, photo) for photo in photos}
    rows = ((source, next(read_rows(path))) for source, path in paths.items() if path.exists())
    return {source: {**row, "rejected": len(row["rejected"])} for source, row in rows}


def forget_failed(folder: Path, photos: Sequence[Photo]) -> set[str]:
    """Sources of photos where something failed, in reading, finding or an edit, and was not merely refused.

    What `.work` has of them is removed; what was finished earlier stays until it is replaced.
    """
    failed = {row["source"] for row in read_rows(folder / "rejected.jsonl") if _is_failure(row["reason"])}
    failed |= {row["source"] for row in read_rows(folder / "photos.jsonl") if _is_failure(row["skipped"])}
    for photo in photos:
        path = _account(folder, photo)
        for row in read_rows(path):
            if _is_failure(row["skipped"]) or any(_is_failure(no["reason"]) for no in row["rejected"]):
                path.unlink()
    return failed


def _is_failure(reason: str | None) -> bool:
    return bool(reason) and str(reason).startswith("failed")


def _account(folder: Path, photo: Photo) -> Path:
    return folder / WORK / f"{key_of(photo)}.json"


def finish(
    folder: Path, before: Accounts, new: Accounts, title: str, notes: Sequence[str], terms: Terms
) -> list[str]:
    """Write dataset, photos.jsonl and rejected.jsonl from the accounts `before` and from `new` in `.work`.

    Returns the sources of photos that may be in no split (`splits.assign`), whose pairs are left out.

    Raises:
        UserError: not one pair; then what was finished earlier, and `.work`, stay as they are.
    """
    old = {source for source in before if source not in new}
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    accounts = {**before, **new}
    if not any(row["pairs"] for row in accounts.values()):
        raise UserError(f"{folder}: not one pair came out of {len(accounts)} photos; the reasons stand above")
    rejected = (row for source in sorted(new) for row in _rejected(work, new[source]))
    _write_rows(
        work, folder / "rejected.jsonl", _merged([read_rows(folder / "rejected.jsonl")], old, rejected)
    )
    made = decided.plan(folder, [_shard(work, row) for row in new.values() if row["pairs"]], terms)
    _write_pairs(folder, old, new, made, terms, title, notes)
    accounts = {source: _told(row, made.dropped.get(source)) for source, row in accounts.items()}
    _write_rows(work, folder / "photos.jsonl", (accounts[source] for source in sorted(accounts)))
    work.rename(folder / DONE)
    recover(folder)
    return sorted(source for source, split in made.splits.items() if split is None)


def _write_pairs(
    folder: Path, old: set[str], new: Accounts, made: Plan, terms: Terms, title: str, notes: Sequence[str]
) -> None:
    pairs = (row for source in sorted(new) for row in _pairs(folder / WORK, new[source]))
    finished = [dataset.read(folder, split=split) for split in splits.SPLITS]
    rows = (decided.applied(row, terms, made) for row in _merged(finished, old, pairs))
    dataset.write(
        folder,
        (row for row in rows if row is not None),
        title=title,
        notes=notes,
        splits={source: split for source, split in made.splits.items() if split},
        test_share=terms.test_share,
    )


def _told(account: Row, dropped: Sequence[str] | None) -> Row:
    """The account, with the pairs that people rejected taken off its count."""
    if not dropped:
        return account
    ids = sorted({*dropped, *account.get("dropped", ())})
    return account | {"pairs": account["pairs"] - len(dropped), "dropped": ids}


def _merged(finished: Sequence[Iterable[Row]], old: set[str], new: Iterable[Row]) -> Iterator[Row]:
    held = ((row for row in rows if row["source"] in old) for rows in finished)
    return heapq.merge(*held, new, key=_by_source)


def _shard(work: Path, account: Row) -> Path:
    return work / f"{account['key']}.parquet"


def _pairs(work: Path, account: Row) -> Iterator[Row]:
    return dataset.read_shard(_shard(work, account)) if account["pairs"] else iter(())


def _rejected(work: Path, account: Row) -> Iterator[Row]:
    for row in read_rows(work / f"{account['key']}.json"):
        yield from row["rejected"]


def _write_rows(work: Path, path: Path, rows: Iterable[Row]) -> None:
    temporary = work / path.name
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(to_json(row) + "\n" for row in rows)
    temporary.replace(path)
