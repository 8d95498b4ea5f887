"""The whole job on the real capture: ask, recover, align, answer, score, report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aria_folder import CAPTURE, SCENE, write_aria_folder

from posealign_core.cli.main import main
from posealign_core.evaluation import load_result, read_predictions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not CAPTURE.is_file(), reason=f"no real capture at {CAPTURE}")


@pytest.mark.parametrize(
    ("preset", "sources"),
    [
        ("demo/transform", {"annotated"}),
        ("demo/transform-recovered", {"recovered", "fallback"}),
    ],
)
def test_questions_from_true_poses_are_answered_from_true_and_recovered_ones(
    tmp_path: Path, preset: str, sources: set[str]
) -> None:
    root = tmp_path / "scans"
    write_aria_folder(root)
    assert main(["rooms", "ask", str(root), "--per-view", "80"]) == 0
    questions = json.loads((root / SCENE / "questions.json").read_text())
    assert len(questions) >= 200

    values = {
        "dataset.name": "generic",
        "dataset.root": root,
        "dataset.annotations": root,
        "dataset.benchmarks": "[generic]",
        "evaluate.split": "test",
        "recover.every": 1,
        "output.root": tmp_path / "runs",
    }
    overrides = [word for key, value in values.items() for word in ("-o", f"{key}={value}")]
    assert main(["run", "--untrained", "--preset", f"template/{preset}", *overrides]) == 0
    (run,) = [path.parent for path in (tmp_path / "runs").glob("*/run.json")]
    result = load_result(run / "results" / "generic.json")
    assert result.n_predicted == len(questions)
    assert set(result.pose_counts) == sources
    predictions = read_predictions(run / "predictions" / "generic.jsonl")
    assert {p.scene_id for p in predictions} == {SCENE}
    assert (run / "report.html").is_file()
