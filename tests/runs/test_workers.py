from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from posealign_core.runs.workers import Job, run_jobs

if TYPE_CHECKING:
    from pathlib import Path


def job(tmp_path: Path, name: str, code: str) -> Job:
    return Job(name, [sys.executable, "-S", "-c", code], tmp_path / f"{name}.log")


def test_every_way_to_end_is_told_apart(tmp_path: Path) -> None:
    jobs = [
        job(tmp_path, "good", "print('done')"),
        job(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)"),
        job(
            tmp_path,
            "wrong",
            "print('posealign: error: no data'); print('bye'); raise SystemExit(4)",
        ),
        job(tmp_path, "silent", "raise SystemExit(3)"),
    ]
    started: list[str] = []
    found = {
        o.job.name: o for o in run_jobs(jobs, 2, on_start=lambda one: started.append(one.name))
    }
    assert started == ["good", "killed", "wrong", "silent"]
    assert {name: o.code for name, o in found.items()} == {
        "good": 0,
        "killed": -9,
        "wrong": 4,
        "silent": 3,
    }
    assert found["killed"].reason == "killed by SIGKILL"
    assert found["wrong"].reason == "posealign: error: no data"
    assert found["silent"].reason == "exit code 3"


def test_workers_work_side_by_side_and_know_their_slot(tmp_path: Path) -> None:
    wait = (
        "import os, time, pathlib\n"
        f"root = pathlib.Path({str(tmp_path)!r})\n"
        "(root / f'here{os.environ[\"SLOT\"]}').touch()\n"
        "deadline = time.monotonic() + 30\n"
        "while not (root / 'here0').exists() or not (root / 'here1').exists():\n"
        "    assert time.monotonic() < deadline\n"
        "    time.sleep(0.02)\n"
    )
    jobs = [job(tmp_path, name, wait) for name in "ab"]
    slots = lambda slot: {"SLOT": str(slot)}  # noqa: E731
    assert [o.code for o in run_jobs(jobs, 2, environment=slots)] == [0, 0]


def test_stopping_early_ends_the_processes(tmp_path: Path) -> None:
    # A shell's background jobs, and what they start, ignore the signal unless they say otherwise.
    heed = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    sleeper = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('ended')"
    jobs = [
        job(tmp_path, "first", "pass"),
        job(tmp_path, "second", f"{heed}print('up', flush=True)\n{sleeper}"),
    ]
    outcomes = run_jobs(jobs, 2)
    assert next(outcomes).job.name == "first"
    deadline = time.monotonic() + 30
    while "up" not in jobs[1].log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    outcomes.close()
    assert "ended" in jobs[1].log.read_text(encoding="utf-8")
