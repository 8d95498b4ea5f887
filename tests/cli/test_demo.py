from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from posealign_core.runs import study as study_module

if TYPE_CHECKING:
    from conftest import RunCli


DEMO = ("demo", "--jobs", "2", "--output")
BASE, TURNED = "toy: demo/baseline, seed 0", "toy: demo/transform, seed 0"


@pytest.fixture(autouse=True)
def _toy_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that know the toy plugin."""
    main = str(Path(__file__).parent / "toy_main.py")
    command = lambda *words: [sys.executable, main, *words]  # noqa: E731
    monkeypatch.setattr(study_module, "posealign_command", command)


def test_demo_runs_every_backbone_as_time_allows_and_says_what_is_left_out(
    cli: RunCli, tmp_path: Path
) -> None:
    first = cli(*DEMO, tmp_path, "--minutes", "0")
    assert first.code == 0, first.out + first.err
    assert first.out.splitlines()[:5] == [
        "left out: toy-lacking: no_such_module is not installed; run: pip install no-such-package",
        "left out: toy on nr3d: the backbone has no answers to select",
        "rooms (mini)",
        "2 runs, 0 of them done already",
        f"begins: {BASE}",
    ]
    late = f"left out: {TURNED}: no time was left; run the same command again to add it"
    assert late in first.out
    assert "no time was left" in (tmp_path / "report.html").read_text(encoding="utf-8")

    second = cli(*DEMO, tmp_path)
    assert second.code == 0, second.out + second.err
    assert "2 runs, 1 of them done already" in second.out
    assert f"done: {TURNED}" in second.out
    assert f"begins: {BASE}" not in second.out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "pip install no-such-package" in page
    assert "best without the pose" in page
    tables = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    headline = next(table for table in tables if table["key"] == "headline")
    assert [row["Alignment"] for row in headline["rows"]] == [
        "best without the pose",
        "baseline",
        "transform, level, top",
    ]

    again = cli(*DEMO, tmp_path)
    assert "2 runs, 2 of them done already" in again.out
    assert "begins" not in again.out


def test_demo_takes_names_and_refuses_unknown_and_unusable_ones(
    cli: RunCli, tmp_path: Path
) -> None:
    unknown = cli(*DEMO, tmp_path, "--backbones", "tory")
    assert unknown.code == 5
    assert "did you mean 'toy'" in unknown.err
    unusable = cli(*DEMO, tmp_path, "--backbones", "toy-lacking")
    assert unusable.code == 1
    assert "no backbone can run here" in unusable.err


def test_unwritable_output_is_one_line(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = cli(*DEMO, tmp_path / "file" / "demo")
    assert done.code == 1
    assert done.err.startswith("posealign: error: cannot write")
