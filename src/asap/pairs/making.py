"""The work of `asap build`: photos to pairs in processes or on a cluster, and the dataset put together."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Sequence

from asap import cluster, progress
from asap.pairs import ledger, summary
from asap.pairs.build import Config
from asap.pairs.checks import witness
from asap.pairs.engines.settings import processes
from asap.pairs.hap import terms
from asap.pairs.photos import Skipped
from asap.pairs.rules import Rules
from asap.pairs.worker import process
from asap.pool import gpu_names, in_processes
from asap.records import Photo
from asap.store import Row
from asap.wording import counted


def make(
    config: Config, rules: Rules, exclude: Sequence[str], photos: Sequence[Photo], skipped: Sequence[Skipped]
) -> None:
    """Make what is missing of the dataset in `config.out`, and put it together with what was there.

    Args:
        rules: of `config`.
        exclude: patterns of photos that are not wanted any more.
        photos, skipped: all that the source has, and what of it was left out.

    Raises:
        UserError: not one pair, or processes that keep dying.
    """
    out = config.out
    ledger.recover(out)
    wanted = terms.settle(out, config.license, config.test_share)
    before = ledger.kept(out, photos, exclude, wanted.rejected)
    if config.retry_failed:
        failed = ledger.forget_failed(out, photos) & {photo.source for photo in photos}
        before = {source: row for source, row in before.items() if source not in failed}
    todo = [p for p in photos if p.source not in before and not ledger.is_done(out, p)]
    new = ledger.fresh(out, photos)
    missing = len(before.keys() - {photo.source for photo in photos})
    if not todo and not new and not ledger.is_stale(out, before) and terms.met(out, wanted):
        print(f"{out}: nothing to do; {summary.holds(before, missing)}")
        print(f"{summary.of_terms(out)}\nLook at them: {out / summary.SHEET}")
        return
    if rules.witness and todo:
        witness.greet(rules.witness)
    speed = _make(config, rules, todo, len(photos))
    new = ledger.fresh(out, photos)
    accounts = {**before, **new}
    print(summary.of_files(out, accounts, skipped, missing, speed))
    apart = ledger.finish(out, before, new, "HAP: pairs from photos", summary.notes(rules, accounts), wanted)
    print(summary.of_pairs(out))
    if apart:
        print(f"left out, for near duplicates of them lie in train and in test: {', '.join(apart)}")


def _make(config: Config, rules: Rules, todo: Sequence[Photo], total: int) -> str:
    """Make the pairs of the photos `todo`, in `HAP/.work`; returns how fast that went, in words."""
    if not todo:
        return ""
    started, pairs = time.monotonic(), 0
    with progress.bar(total=total, initial=total - len(todo), desc="build", unit="photo") as bar:
        for account in _accounts(config, rules, todo):
            pairs += account["pairs"]
            speed = f"{pairs / (time.monotonic() - started):.2f} pairs/s"
            bar.update()
            bar.set_postfix_str(f"{pairs} pairs, {speed}", refresh=False)
    seconds = time.monotonic() - started
    return f"{counted(len(todo), 'photo')} in {seconds:.0f} s, {speed}"


def _accounts(config: Config, rules: Rules, todo: Sequence[Photo]) -> Iterator[Row]:
    """The account of each photo as soon as it is made, by the engine that was asked for."""
    work = (config.out / ledger.WORK).resolve()
    work.mkdir(parents=True, exist_ok=True)
    job, mend = functools.partial(process, folder=work, rules=rules), "fewer --workers, or --exclude the file"
    if config.engine == "ray":
        gpus = config.gpus or float(rules.engines.on_gpu)
        return cluster.on_cluster(job, todo, shared=work, workers=config.workers, gpus=gpus, mend=mend)
    names = gpu_names() if config.gpus else ()
    workers = config.workers or len(names) or processes(rules.engines, 0) or os.cpu_count() or 1
    return in_processes(job, todo, workers, gpus=names, mend=mend)
