"""The dataset card: what a HAP folder holds, in counts and averages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from asap.store import Row

_HEAD = """---
pretty_name: {quoted}
task_categories:
- text-to-image
tags:
- preference
- human-anatomy
---

# {title}

Localized preference pairs of human anatomy (HAP). In each pair `chosen` is the picture as it was and
`rejected` the same picture with one anatomical error inside `mask`; outside `mask` every pixel is equal.

```python
from datasets import load_dataset

pairs = load_dataset("path/to/this/folder", split="train")
```

"""
_METRICS = ("ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside")
_TABLE = (
    "| part | error | pairs | SSIM inside | SSIM outside | LPIPS inside | LPIPS outside |\n"
    "|---|---|---:|---:|---:|---:|---:|\n"
)
_COLUMNS = """
`id`, `prompt`, `chosen`, `rejected`, `mask`, `part`, `error` (what a person would call it), `degradation`
(the operator that made it), `box` (left, top, right, bottom of the mask), `source`, `seed`, and similarity
inside and outside the mask: SSIM with an 11-pixel Gaussian window, averaged over the pixels in the mask and
over all others (those beside the border look across it, which lowers the number outside); LPIPS where its
weights were at hand.
"""


def card(rows: Sequence[Row], title: str, notes: Sequence[str]) -> str:
    """README.md of a dataset with these `rows` (pictures not needed); the same rows give the same text."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["part"], row["error"]].append(row)
    lines = [_line(part, error, members) for (part, error), members in sorted(groups.items())]
    lines.append(_line("all", "", rows))
    text = "\n\n".join(notes)
    heading = _HEAD.format(quoted=json.dumps(title), title=title)
    return f"{heading}{text}\n\n## Pairs\n\n{_TABLE}{''.join(lines)}\n## Columns\n{_COLUMNS}"


def _line(part: str, error: str, rows: Sequence[Row]) -> str:
    cells = [part, error, str(len(rows)), *(mean(row[name] for row in rows) for name in _METRICS)]
    return "| " + " | ".join(cells) + " |\n"


def mean(values: Iterable[float | None]) -> str:
    """The average of what is known, to four places, or a dash."""
    known = [value for value in values if value is not None]
    return f"{fmean(known):.4f}" if known else "-"
