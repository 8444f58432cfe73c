"""Every test that asks for `family` or `folder` runs once for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from families import FAMILIES


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def folder(family: str, tiny_family: Callable[[str], Path]) -> Path:
    return tiny_family(family)
