"""Installs the toys: a distribution with entry points, found because its folder is on the path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TOYS = Path(__file__).parent / "toys"


@pytest.fixture(scope="module", autouse=True)
def _toys_installed():
    sys.path.insert(0, str(TOYS))
    yield
    sys.path.remove(str(TOYS))


@pytest.fixture(scope="module")
def toy_spec():
    """The spec of a toy, by name; taken from its plugin's table, not from a host."""
    from toy_plugin import SPECS, spec

    return lambda name: spec(name, **SPECS.get(name, {}))
