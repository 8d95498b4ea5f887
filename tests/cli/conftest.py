"""Makes the toys importable by name, and runs the command line with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from toy_run import make_host

from posealign_core.cli import main as main_module
from posealign_core.report import questions


@pytest.fixture
def real_pictures() -> None:
    """Asks for pictures that are really drawn, which takes half a second each."""


@pytest.fixture(autouse=True)
def _blank_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_pictures" not in request.fixturenames:
        blank = "data:image/webp;base64,"
        monkeypatch.setattr(questions, "top_view", lambda *_, **__: blank)


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


class RunCli(Protocol):
    def __call__(self, *arguments: str | Path) -> Outcome: ...


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCli:
    """Runs `posealign` in this process, with the toy plugin and no installed ones."""
    monkeypatch.setattr(main_module, "build_host", make_host)

    def run(*arguments: str | Path) -> Outcome:
        code = main_module.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def run_arguments(tmp_path: Path) -> list[str]:
    """What a run of the toy needs beside its preset."""
    (tmp_path / "data").mkdir()
    pairs = {
        "dataset.name": "scannet",
        "dataset.root": tmp_path / "data",
        "dataset.benchmarks": "[scanqa]",
        "output.root": tmp_path / "runs",
    }
    return [word for key, value in pairs.items() for word in ("-o", f"{key}={value}")]
