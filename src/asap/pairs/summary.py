"""What `asap build` says of photos and pairs: in the terminal, in `skipped.jsonl`, on the dataset card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from asap.pairs.checks.semantics import CHECKS, Use, asks
from asap.pairs.hap import dataset, decisions, splits
from asap.pairs.hap.card import mean
from asap.pairs.photos import Skipped
from asap.pairs.rules import Rules
from asap.store import Row, read_rows, to_json, write_atomic
from asap.wording import counted

LISTED = 20
"""Files without a pair that are listed by name in the terminal."""
NAMED = 5
"""Decisions on nothing whose ids are listed."""
SHEET = "contact_sheet.html"


def of_files(
    folder: Path, accounts: Mapping[str, Row], skipped: Sequence[Skipped], missing: int, speed: str
) -> str:
    """What became of the files, as lines for the terminal; `skipped.jsonl` lists all that gave no pair.

    Args:
        folder: the dataset's.
        accounts: of the photos (`worker.process`), by source.
        skipped: files that were not even read as photos.
        missing: how many of the photos are no longer where they were.
        speed: how fast it went, in words, or "".
    """
    unpaired = [Skipped(source, row["skipped"]) for source, row in accounts.items() if row["skipped"]]
    left = [*sorted(unpaired), *sorted(skipped)]  # what is no photo comes last
    write_atomic(folder / "skipped.jsonl", "".join(to_json(file._asdict()) + "\n" for file in left))
    own = sum(1 for row in accounts.values() if row["captioned"])
    lines = [
        holds(accounts, missing),
        counted(own, "photo has a caption of its own", "photos have captions of their own"),
        *([speed] if speed else []),
    ]
    lines += [f"  no pair of {source}: {reason}" for source, reason in left[:LISTED]]
    if len(left) > LISTED:
        lines.append(f"  and of {len(left) - LISTED} more: {folder / 'skipped.jsonl'} lists all")
    return "\n".join(lines)


def holds(accounts: Mapping[str, Row], missing: int) -> str:
    """How many pairs of how many photos there are, and how many of these are `missing` by now."""
    pairs = sum(int(account["pairs"]) for account in accounts.values())
    gone = f", {missing} of which are no longer in the folder" if missing else ""
    return f"{counted(pairs, 'pair')} of {counted(len(accounts), 'photo')}{gone}"


def of_terms(folder: Path) -> str:
    """How the pairs of a finished dataset are split, and which decisions name none of them, as lines."""
    ids = {split: [row["id"] for row in dataset.read(folder, ["id"], split)] for split in splits.SPLITS}
    lines = [f"split: {', '.join(f'{name} {len(pairs)} pairs' for name, pairs in ids.items())}"]
    decided = decisions.read(folder)
    dropped = {pair for row in read_rows(folder / "photos.jsonl") for pair in row.get("dropped", ())}
    lost = [pair for pair in decided if pair not in dropped.union(*ids.values())]
    if decided:
        out = f"; {counted(len(dropped), 'pair is', 'pairs are')} left out" if dropped else ""
        lines.append(f"decisions: {len(decided) - len(lost)} on pairs{out}")
    if lost:
        more = f", and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
        told = counted(len(lost), "names", "name")
        lines.append(f"  {told} no pair of this dataset: {', '.join(lost[:NAMED])}{more}")
    return "\n".join(lines)


def of_pairs(folder: Path) -> str:
    """What a finished dataset holds, as lines for the terminal."""
    pairs = list(dataset.read(folder, ["part", "error", *dataset.METRICS]))
    reasons = Counter(row["reason"] for row in read_rows(folder / "rejected.jsonl"))
    counts = Counter((row["part"], row["error"]) for row in pairs)
    lines = [f"  {count:6}  {part}: {error}" for (part, error), count in counts.most_common()]
    for kind in ("ssim", "lpips"):
        inside, outside = (mean(row[f"{kind}_{side}"] for row in pairs) for side in ("inside", "outside"))
        lines += [f"{kind.upper()} inside the masks {inside}, outside {outside}"] if inside != "-" else []
    lines.append(f"{sum(reasons.values())} attempts rejected")
    lines += [f"  {count:6}  {reason}" for reason, count in reasons.most_common(LISTED)]
    lines += [of_terms(folder), f"Look at them: {folder / SHEET}"]
    return "\n".join(lines)


def looked_for(use: Use) -> str:
    """Which errors were looked for in the negatives, as a sentence."""
    names = [name for name, check in CHECKS.items() if asks(check, use)]
    if not names:
        return "Whether the error named is to be seen was not checked."
    listed = ", ".join(names)
    return f"Looked for in the negative, where that can be told, and refused if not to be seen: {listed}."


def asked_of(model: str) -> str:
    """What a model was asked, as a sentence."""
    return (
        f"Of all others, and where these could not tell, the vision-language model {model} was asked whether "
        "the error is to be seen; pairs of which it said no were refused. Its word is a pair's parameter "
        "`witness`: 1 for yes, 0.5 for unclear."
    )


def notes(rules: Rules, accounts: Mapping[str, Row]) -> list[str]:
    """The card's paragraphs on how the pairs were made."""
    gates, target = rules.gates, rules.target
    lpips = f", an LPIPS from {gates.lpips_inside:g} inside and up to {gates.lpips_outside:g} outside"
    near = f", an LPIPS of {target.lpips_inside:g} and {target.lpips_outside:g}" if rules.lpips else ""
    return [
        f"Made by `asap build` from {len(accounts)} photos, longest side at most {rules.size} pixels, "
        f"at most {rules.per_region} pairs of one hand, face or body and {rules.per_photo} of one photo, "
        f"seed {rules.seed}. Kept are pairs with an SSIM up to {gates.ssim_inside:g} inside the mask and "
        f"from {gates.ssim_outside:g} outside{lpips if rules.lpips else ''}. Of the candidates of an "
        f"edit, at up to {rules.tries} strengths, the one nearest to an SSIM of {target.ssim_inside:g} "
        f"inside and {target.ssim_outside:g} outside{near} is kept.",
        looked_for(rules.checks),
        *([asked_of(rules.witness.service.model_name)] if rules.witness else []),
        "In the folder where it was made, `photos.jsonl` tells what became of each photo, `skipped.jsonl` "
        "which files gave no pair and why, `rejected.jsonl` which attempts were rejected and why. "
        "`contact_sheet.html` shows the pairs. The photos' own licences apply to the pictures.",
    ]
