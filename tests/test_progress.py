"""Bars where nobody watches."""

from __future__ import annotations

import time

import pytest

from asap import progress


def test_in_a_log_a_bar_is_drawn_at_its_start_and_end_alone(capsys: pytest.CaptureFixture[str]) -> None:
    bar = progress.bar(range(50), desc="steps")
    for step in bar:
        time.sleep(0.01)  # half a second in all; tqdm itself draws ten times a second
        bar.set_postfix(step=step, refresh=False)
    assert 1 <= capsys.readouterr().err.count("steps") <= 3
