"""The source tree, parsed once for all structural tests."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARENTS = (ROOT, *sorted((ROOT / "backends").iterdir()), *sorted((ROOT / "plugins").iterdir()))


@dataclass(frozen=True)
class Module:
    """A source file: its import name, path, text and syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module


def _packages() -> list[Path]:
    """Top-level package folders: the core, and one for each backend and plugin."""
    folders = (path.parent for parent in PARENTS for path in parent.glob("posealign_*/__init__.py"))
    return sorted(folders)


def _modules() -> list[Module]:
    found = []
    for package in _packages():
        for path in sorted(package.rglob("*.py")):
            parts = path.relative_to(package.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = path.read_text(encoding="utf-8")
            found.append(Module(name, path, text, ast.parse(text)))
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def package_folders() -> list[Path]:
    return _packages()


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    return _modules()
