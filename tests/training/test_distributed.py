from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from distributed_run import build
from learning_toy import write_tables

from posealign_core.training.log import read_log

SCRIPT = Path(__file__).with_name("distributed_run.py")


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells its processes."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
    }


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    folder = tmp_path / "both"
    write_tables(folder / "tables")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(SCRIPT), str(folder), "2"]
    processes = [
        subprocess.Popen(command, env=environment(rank, port), stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        alone = build(tmp_path / "alone", batch_size=4).train()
        for process in processes:
            _, errors = process.communicate(timeout=200)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    ours, theirs = read_log(folder / "run" / "train.jsonl"), read_log(alone.log)
    assert [line["loss"] for line in ours] == pytest.approx([line["loss"] for line in theirs])
    assert [line["poses/annotated"] for line in ours] == [4, 4, 4, 4]
    assert {p.name for p in (folder / "run" / "checkpoints").iterdir()} == {"checkpoint-4", "final"}
