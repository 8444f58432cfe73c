"""Progress bars on stderr: lively on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

SELDOM = 60.0  # seconds between two drawings where nobody watches


def bar(*items: Any, **settings: Any) -> Any:
    """`tqdm(*items, **settings)`, drawn seldom where stderr is no terminal.

    Give `set_postfix` its `refresh=False`: otherwise each call draws.
    """
    if sys.stderr.isatty():
        return tqdm(*items, dynamic_ncols=True, **settings)
    return tqdm(*items, **{"mininterval": SELDOM, "maxinterval": SELDOM, **settings})
