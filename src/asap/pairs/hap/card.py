"""The dataset card: what a HAP folder holds, in counts and averages, with the hub's metadata on top."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import Any

from asap.store import Row

_METRICS = ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
HUB_LICENSES = frozenset(
    f"{family}-{version}"
    for family in ("cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nd", "cc-by-nc-sa", "cc-by-nc-nd")
    for version in ("2.0", "2.5", "3.0", "4.0")
) | {
    *(
        "apache-2.0",
        "mit",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "unlicense",
        "wtfpl",
        "gpl-3.0",
        "agpl-3.0",
    ),
    *(
        "cc",
        "cc0-1.0",
        "cdla-sharing-1.0",
        "cdla-permissive-1.0",
        "cdla-permissive-2.0",
        "odc-by",
        "odbl",
        "pddl",
    ),
    *("other", "unknown"),
}
"""Identifiers that the hub takes as a dataset's `license`."""

_INTRODUCTION = """# {title}

Localized preference pairs of human anatomy (HAP). In each pair `chosen` is the picture as it was and
`rejected` the same picture with one anatomical error inside `mask`; outside `mask` every pixel is equal.

![pairs, with the outline of the mask](preview.webp)

```python
from datasets import load_dataset

pairs = load_dataset("path/to/this/folder", split="train")  # streaming=True reads them as they come
```

"""
_COLUMNS = """
`id`, `prompt`, `chosen`, `rejected`, `mask`, `part`, `error` (what a person would call it), `degradation`
(the operator that made it), `box` (left, top, right, bottom of the mask), `source` (the photo's path in its
folder), `seed`, and similarity inside and outside the mask: SSIM with an 11-pixel Gaussian window, averaged
over the pixels in the mask and over all others (those beside the border look across it, which lowers the
number outside); LPIPS where its weights were at hand. Where the pair comes from, as far as it is known:
`parameters` of the operator (JSON), `source_hash` (of the photo's file, the first 16 hexadecimal digits of
the SHA-256), `perceptual_hash` (near duplicates of a photo have a close one), `license` of the photo,
`detector` that found the part, `version` of the program.
"""
_STRENGTH = """
Similarities are averages. Strength: median and range of the amounts of change that the gates kept, 1 being
what reads best on a large sharp part; a dash for errors without degrees.
"""
_SPLITS = """
Photos that are near duplicates (resized, recompressed, lighter or darker, mirrored) are never in different
splits. A photo that was once in a split stays there when photos are added.
"""


def card(rows: Sequence[Row], title: str, notes: Sequence[str], *, hub: bool = False) -> str:
    """README.md of a dataset with these `rows` (pictures not needed); the same rows give the same text.

    Args:
        rows: with a "split" each.
        title: the headline.
        notes: paragraphs on where the pairs come from.
        hub: for the hub, where `configs` names the files of each split. In a folder `datasets` finds them by
            their names, and with `configs` it would keep two folders of one name apart no more.
    """
    parts = [
        f"---\n{_metadata(rows, title, hub)}---\n\n{_INTRODUCTION.format(title=title)}" + "\n\n".join(notes),
        f"## Pairs\n\n{_similarity_of_kinds(rows)}",
        f"## Operators\n\n{_counted(rows, 'operator', lambda row: row['degradation'])}",
        f"## Splits\n\n{_splits(rows)}{_SPLITS}",
        f"## Similarity\n\n{_ranges(rows)}",
        f"## Licences\n\n{_counted(rows, 'licence', lambda row: row.get('license') or 'unknown')}",
        f"## Provenance\n\n{_provenance(rows)}",
        f"## Columns\n{_COLUMNS}",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def hub_license(text: str | None) -> str:
    """The hub's identifier for a licence as people write it ("CC BY 4.0"): "other" where it has none, and
    "unknown" where nothing is known."""
    name = re.sub(r"[\s_]+", "-", (text or "unknown").strip().lower())
    short = {"cc0": "cc0-1.0", "public-domain": "pddl", "apache": "apache-2.0"}.get(name, name)
    return short if short in HUB_LICENSES else "other"


def _metadata(rows: Sequence[Row], title: str, hub: bool) -> str:
    """The YAML block that the hub reads."""
    licenses = sorted({hub_license(row.get("license")) for row in rows})
    size = next((name for most, name in _SIZES if len(rows) < most), "n>1M")
    splits = [split for split in ("train", "test") if any(row["split"] == split for row in rows)]
    lines = [
        f"pretty_name: {json.dumps(title, ensure_ascii=False)}",
        *(["license:", *(f"- {name}" for name in licenses)] if len(licenses) > 1 else []),
        *([f"license: {licenses[0]}"] if len(licenses) == 1 else []),
        *(["license_name: see-card"] if licenses == ["other"] else []),
        "annotations_creators:\n- machine-generated\ntask_categories:\n- text-to-image",
        f"size_categories:\n- {size}",
        "tags:\n- preference\n- dpo\n- human-anatomy\n- image",
    ]
    if hub:
        lines.append("configs:\n- config_name: default\n  data_files:")
        lines += [f"  - split: {split}\n    path: data/{split}-*.parquet" for split in splits]
    return "\n".join(lines) + "\n"


def _similarity_of_kinds(rows: Sequence[Row]) -> str:
    kinds: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        kinds[row["part"], row["error"]].append(row)
    known = [name for name in _METRICS if any(row.get(name) is not None for row in rows)] or _METRICS[:2]
    told = any(_strengths(rows))
    lines = [
        [*kind, len(members), *_averages(members, known), *([_strength(members)] if told else [])]
        for kind, members in [*sorted(kinds.items()), (("all", ""), rows)]
    ]
    found = table(["part", "error", "pairs", *map(_spoken, known), *(["strength"] if told else [])], lines)
    return f"{found}{_STRENGTH if told else ''}"


def _averages(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    return [mean(row[name] for row in rows) for name in names]


def _strengths(rows: Sequence[Row]) -> list[float]:
    """The amounts of change that were kept, of the pairs whose error takes one."""
    chosen = (json.loads(row.get("parameters") or "{}").get("strength") for row in rows)
    return [float(value) for value in chosen if value is not None]


def _strength(rows: Sequence[Row]) -> str:
    found = _strengths(rows)
    return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})" if found else "-"


def _counted(rows: Sequence[Row], name: str, value: Callable[[Row], str]) -> str:
    pairs = Counter(map(value, rows))
    photos: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        photos[value(row)].add(row["source"])
    return table([name, "pairs", "photos"], [[key, pairs[key], len(photos[key])] for key in sorted(pairs)])


def _splits(rows: Sequence[Row]) -> str:
    found = {split: [row for row in rows if row["split"] == split] for split in ("train", "test")}
    lines = [
        [split, len(members), len({row["source"] for row in members}), len({_kind(row) for row in members})]
        for split, members in found.items()
        if members
    ]
    return table(["split", "pairs", "photos", "kinds of error"], lines)


def _kind(row: Row) -> tuple[str, str]:
    return row["part"], row["error"]


def _ranges(rows: Sequence[Row]) -> str:
    lines = []
    for name in _METRICS:
        values = [row[name] for row in rows if row.get(name) is not None]
        if values:
            figures = [f"{value:.4f}" for value in (min(values), median(values), max(values))]
            lines.append([_spoken(name), len(values), *figures])
    return table(["measured", "pairs", "least", "median", "greatest"], lines)


def _provenance(rows: Sequence[Row]) -> str:
    found: list[list[Any]] = [
        ["photos", len({row["source"] for row in rows})],
        ["photos with a hash of their file", len({row["source"] for row in rows if row.get("source_hash")})],
        ["captions", len({row["prompt"] for row in rows})],
    ]
    for name in ("detector", "version"):
        counts = Counter(str(row[name]) for row in rows if row.get(name))
        found += [[f"{name} {value}, pairs", count] for value, count in sorted(counts.items())]
    return table(["what", "count"], found)


def table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A Markdown table; columns of numbers are set to the right."""
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    numeric = [all(re.fullmatch(r"[\d.-]+", line[i]) for line in cells) for i in range(len(heads))]
    rule = "|".join("---:" if right else "---" for right in numeric)
    return (
        "\n".join([f"| {' | '.join(heads)} |", f"|{rule}|", *(f"| {' | '.join(line)} |" for line in cells)])
        + "\n"
    )


def _spoken(metric: str) -> str:
    kind, _, side = metric.partition("_")
    return f"{kind.upper()} {side}"


def mean(values: Iterable[float | None]) -> str:
    """The average of what is known, to four places, or a dash."""
    known = [value for value in values if value is not None]
    return f"{fmean(known):.4f}" if known else "-"
