"""Fixtures for the tests of plugins; pytest loads this module wherever posealign is installed.

It imports the library only when a fixture is used, so it costs other projects nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from posealign_core.host import PluginHost
    from posealign_core.structures import CameraTrajectory, Query, Scene

__all__ = ["CliOutcome"]


@dataclass(frozen=True)
class CliOutcome:
    """What a run of `posealign` left behind.

    Attributes:
        code: Exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str


@pytest.fixture
def host() -> PluginHost:
    """A fresh host with the core's components and no installed plugin."""
    from posealign_core.host import build_host

    return build_host(entry_points=False)


@pytest.fixture
def toy_scene() -> Scene:
    """A room with chair, table, lamp and bed (ids 1, 3, 4, 7), in WORLD."""
    from posealign_core.testing import toy_scenes

    return toy_scenes.toy_scene()


@pytest.fixture
def toy_trajectory() -> CameraTrajectory:
    """Six cameras around `toy_scene`; the last has lost its pose."""
    from posealign_core.testing import toy_scenes

    return toy_scenes.toy_trajectory()


@pytest.fixture
def toy_queries() -> list[Query]:
    """One query of each kind about `toy_scene`."""
    from posealign_core.testing import toy_scenes

    return toy_scenes.toy_queries()


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., CliOutcome]:
    """A function that runs `posealign` with the given arguments, in this process."""

    def run(*arguments: object) -> CliOutcome:
        from posealign_core.cli.main import main

        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse: usage, --help, --version
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return CliOutcome(code, captured.out, captured.err)

    return run
