"""Commands in processes of their own, some at a time; whatever kills one leaves the others be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.atomic import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Job", "JobOutcome", "posealign_command", "run_jobs"]

_POLL_S = 0.2
_GRACE_S = 30.0
"""How long an interrupted process may take to put its work away."""


@dataclass(frozen=True)
class Job:
    """One command.

    Attributes:
        name: What people call it.
        command: Its words.
        log: File that gets what it prints.
    """

    name: str
    command: Sequence[str]
    log: Path


@dataclass(frozen=True)
class JobOutcome:
    """What became of a job.

    Attributes:
        job: The job.
        code: Its exit code; minus the signal's number where one killed it.
        seconds: How long it took.
    """

    job: Job
    code: int
    seconds: float

    @property
    def reason(self) -> str:
        """Why it failed: the signal, or the last line that it printed."""
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        lines = self.job.log.read_text(encoding="utf-8", errors="replace").splitlines()
        printed = [line.strip() for line in lines if line.strip()]
        last = next((line for line in reversed(printed) if "error:" in line), "")
        return (last or (printed[-1] if printed else f"exit code {self.code}"))[:500]


@dataclass
class _Running:
    job: Job
    slot: int
    process: subprocess.Popen[bytes]
    began_s: float


def posealign_command(*words: str) -> list[str]:
    """A command line of posealign in this Python."""
    return [sys.executable, "-m", "posealign_core.cli.main", *words]


def run_jobs(
    jobs: Iterable[Job],
    n_workers: int,
    *,
    environment: Callable[[int], Mapping[str, str]] = lambda slot: {},
    on_start: Callable[[Job], None] = lambda job: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Generator[JobOutcome, None, None]:
    """Do all jobs, and give each one's outcome as it ends; Ctrl-C ends those that run.

    Args:
        jobs: What to do, in order.
        n_workers: How many at a time.
        environment: Variables for the process in a slot, 0 to `n_workers` - 1.
        on_start: Told of each job when it begins.
        on_wait: Called a few times a second while jobs are running.
    """
    waiting = iter(jobs)
    running: list[_Running] = []
    free = list(range(n_workers))
    try:
        while True:
            while free and (job := next(waiting, None)) is not None:
                slot = free.pop(0)
                on_start(job)
                running.append(_start(job, slot, environment(slot)))
            if not running:
                return
            ended = [one for one in running if one.process.poll() is not None]
            for one in ended:
                running.remove(one)
                free.append(one.slot)
                seconds = time.monotonic() - one.began_s
                yield JobOutcome(one.job, one.process.wait(), seconds)
            if not ended:
                on_wait()
                time.sleep(_POLL_S)
    finally:
        _stop([one.process for one in running])


def _start(job: Job, slot: int, variables: Mapping[str, str]) -> _Running:
    make_folder(job.log.parent)
    with job.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            list(job.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        )
    return _Running(job, slot, process, time.monotonic())


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGINT)
    deadline_s = time.monotonic() + _GRACE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
