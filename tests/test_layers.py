"""The house's rules: one direction of imports, a light command line, no torchvision."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "asap"
# each may import itself, and what stands in its set
ALLOWED = {
    "errors": set(),
    "axis": set(),
    "wording": set(),
    "records": set(),
    "command": {"errors"},
    "lookup": {"errors"},
    "chat": {"errors"},
    "progress": set(),
    "pool": {"errors"},
    "cluster": {"errors", "store"},
    "store": {"errors"},
    "figures": {"errors", "records", "lookup", "store", "progress"},
    "anatomy": {"errors", "records", "lookup", "store", "progress", "figures"},
    "backbones": {"errors", "records", "lookup", "store", "progress", "figures"},
    "web": {"errors"},
    "pairs": {
        "wording",
        "errors",
        "records",
        "lookup",
        "store",
        "progress",
        "command",
        "pool",
        "chat",
        "cluster",
        "web",
        "figures",
        "anatomy",
        "backbones",
    },
    "review": {"wording", "errors", "store", "command", "web", "pairs"},
    "study": {
        "wording",
        "errors",
        "records",
        "store",
        "progress",
        "command",
        "web",
        "pairs",
        "review",
        "bench",
    },
    "align": {
        "axis",
        "errors",
        "records",
        "lookup",
        "store",
        "progress",
        "command",
        "figures",
        "anatomy",
        "backbones",
    },
    "bench": {
        "wording",
        "axis",
        "errors",
        "records",
        "lookup",
        "store",
        "progress",
        "command",
        "chat",
        "figures",
        "anatomy",
        "backbones",
    },
}
TOP = {"demo", "lab", "cli", "__main__", "__init__"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """First-level names below `asap` that the file imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "asap":
            parts = node.module.split(".")[1:]
            names |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("asap.")}
    return names - {"__version__"}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    if room(path) not in TOP:
        assert imported(path) - {room(path)} <= ALLOWED[room(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_nothing_imports_torchvision_or_pickle(path: Path) -> None:
    for node in ast.walk(tree(path)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & {"torchvision", "pickle"}
        assert not (isinstance(node, ast.keyword) and node.arg == "trust_remote_code")


def test_help_is_quick_and_light() -> None:
    code = (
        "import sys; from asap.cli import main; main(['--help']);"
        "print([m for m in ('torch', 'numpy', 'datasets', 'tyro') if m in sys.modules])"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = os.times()
    assert done.stdout.endswith("[]\n") and "build" in done.stdout
    took = after.children_user + after.children_system - before.children_user - before.children_system
    assert took < 1.0  # seconds of the processor; it takes about 0.05, and torch alone two


@pytest.mark.parametrize("stage", ["build", "train", "pretrain"])
def test_the_help_of_a_stage_does_without_torch(stage: str) -> None:
    code = (
        f"import sys; sys.argv[0] = 'asap'; from asap.cli import main\n"
        f"try: main(['{stage}', '--help'])\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n") and "--out" in done.stdout
