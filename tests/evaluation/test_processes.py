from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from learning_toy import toy_queries, write_tables

from posealign_core.evaluation.processes import own_shard, wait_for_all
from posealign_core.evaluation.records import read_records

HERE = Path(__file__).parent
SCRIPT, TOY = HERE / "shared_predict.py", HERE.parent / "training"


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(TOY)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[int]:
    """What the process printed."""
    try:
        output, errors = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return [int(number) for number in output.split()]


def start_two(folder: Path) -> list[subprocess.Popen[str]]:
    """What torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [start(folder, **shared, RANK=str(r), LOCAL_RANK=str(r)) for r in range(2)]


def test_two_processes_answer_each_question_once(tmp_path: Path) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder in (alone, both):
        write_tables(folder / "tables")
    n_queries = len(toy_queries(annotated=False))
    processes = start_two(both)
    assert [finish(process) for process in processes] == [[n_queries, n_queries // 2]] * 2
    assert finish(start(alone)) == [n_queries, n_queries]
    ours, theirs = (read_records(folder / "answers.jsonl") for folder in (both, alone))
    assert ours == theirs
    assert sorted(path.name for path in both.iterdir()) == ["answers.jsonl", "tables"]


def test_one_process_waits_for_nobody(monkeypatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert (own_shard().rank, own_shard().world_size) == (0, 1)
    wait_for_all()
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (own_shard().rank, own_shard().world_size) == (3, 4)
