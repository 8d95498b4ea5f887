from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from interrupted_run import build

from posealign_core.training.log import read_log
from posealign_core.training.loop import newest_checkpoint

SCRIPT = Path(__file__).with_name("interrupted_run.py")


def test_a_killed_run_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    straight = build(tmp_path / "straight")
    wanted = straight.train()

    folder = tmp_path / "killed"
    command = [sys.executable, str(SCRIPT), str(folder)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    checkpoints = folder / "run" / "checkpoints"
    assert (checkpoints / "checkpoint-16").is_dir()
    assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-8"
    assert read_log(folder / "run" / "train.jsonl")[-1]["step"] == 16

    resumed = build(folder)
    outcome = resumed.train()
    assert outcome.steps == wanted.steps == 24
    for ours, theirs in zip(read_log(outcome.log), read_log(wanted.log), strict=True):
        # Sums over differently aligned memory may round differently; all else is the same.
        for name in ("loss", "grad_norm"):
            assert ours.pop(name) == pytest.approx(theirs.pop(name), rel=1e-5)
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}
    weights = resumed.backbone.state_dict()
    for name, value in straight.backbone.state_dict().items():
        torch.testing.assert_close(weights[name], value)
