"""Names that are not known are answered with the nearest."""

from __future__ import annotations

import pytest

from asap.errors import UserError
from asap.lookup import MOST, check_name
from asap.pairs.degradations import DEGRADATIONS

KNOWN = list(DEGRADATIONS)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("extra_fingers", "did you mean extra_finger or"),
        ("missing finger", "did you mean missing_finger?"),
        ("Broken-Limb", "did you mean broken_limb?"),
        ("sixth_finger", "extra_finger"),
        ("third_eye extra_limb", "did you mean extra_limb or third_eye"),
        ("xyz", "known: broken_finger, broken_limb, "),
    ],
)
def test_the_nearest_names_are_told(name: str, told: str) -> None:
    with pytest.raises(UserError, match="no degradation named") as raised:
        check_name(KNOWN, name, "degradation")
    assert told in str(raised.value)
    assert "known:" in str(raised.value) or str(raised.value).count(" or ") < MOST


def test_known_names_pass() -> None:
    check_name(KNOWN, KNOWN[0], "degradation")
