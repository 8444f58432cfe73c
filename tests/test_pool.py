"""Work in several processes; that they may be killed is tested with `asap build`."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from asap.errors import UserError
from asap.pool import gpu_names, in_processes


def test_each_process_sees_a_gpu_of_its_own() -> None:
    asked = ["CUDA_VISIBLE_DEVICES"] * 40
    seen = Counter(in_processes(os.getenv, asked, 2, gpus=("3", "5")))
    assert sum(seen.values()) == 40 and set(seen) <= {"3", "5"}


def test_without_gpus_what_processes_see_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert list(in_processes(os.getenv, ["CUDA_VISIBLE_DEVICES"], 1)) == ["7"]


def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU here"):
        gpu_names()


def test_names_of_gpus_are_those_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_names() == ["0", "1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert gpu_names() == ["GPU-a", "GPU-b"]
