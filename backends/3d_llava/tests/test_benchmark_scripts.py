"""The measurements run at toy size; what they print there means nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
ANSWERS = "--batch-size 4 --beam-batch-size 2 --questions 8 --alone 1 --new-tokens 2"


@pytest.mark.parametrize(
    ("script", "arguments", "line"),
    [
        ("llava_data.py", "--samples 6", "all, per sample"),
        ("llava_answers.py", ANSWERS, "five beams, batched"),
    ],
)
def test_runs_at_toy_size(script: str, arguments: str, line: str, tmp_path: Path):
    common = ["--size", "tiny", "--scenes", "1", "--jobs", "1", "--data", str(tmp_path)]
    command = [sys.executable, str(BENCHMARKS / script), *common, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert line in done.stdout
