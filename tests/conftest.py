"""What several tests need: tiny models, a small dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

import processes
from asap import pool
from tiny import tiny_flux, tiny_sdxl, write_pairs
from tiny_families import MAKERS

# a slow machine is no failure
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flux(tmp_path_factory.mktemp("flux"))


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="session")
def tiny_family(flux: Path, sdxl: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline, made when first asked for."""
    made = {"flux": flux, "sdxl": sdxl}
    return cache(lambda name: made.get(name) or MAKERS[name](tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="session")
def named_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of two kinds: four with an extra finger, two with a missing one."""
    errors = ("extra finger", "extra finger", "missing finger")
    return write_pairs(tmp_path_factory.mktemp("named"), errors=errors)


@pytest.fixture(scope="session", autouse=True)
def quick_processes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_once", processes.once)
        yield
    processes.stop()
