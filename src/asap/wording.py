"""Words that follow a number."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """A number with what it counts: "1 vote", "2 votes", or "2 people" where `several` says so."""
    return f"{number} {one if number == 1 else several or one + 's'}"
