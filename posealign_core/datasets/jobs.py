"""The same work on many scans: in parallel, with a progress bar, going on after a failure."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from posealign_core.errors import PoseAlignError
from posealign_core.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Outcome", "run_on_scans"]

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[R]):
    """What became of one scan.

    Attributes:
        scene_id: The scan.
        result: What the work gave, or None where it failed.
        error: Why it failed, or `""`.
    """

    scene_id: str
    result: R | None
    error: str = ""


def run_on_scans(
    work: Callable[[str], R],
    scene_ids: Sequence[str],
    *,
    jobs: int,
    title: str,
    show: bool = True,
) -> list[Outcome[R]]:
    """Do a piece of work for each scan.

    Args:
        work: Takes a scan's name; importable by name where `jobs` > 1. A `PoseAlignError` is kept
            as the scan's outcome and the others go on.
        scene_ids: The scans.
        jobs: Processes to use; 1 works in this one.
        title: What the progress bar says.
        show: Whether to show it.

    Returns:
        One outcome per scan, in the order given.
    """
    outcomes = {}
    with progress_bar(show=show) as bar:
        task = bar.add_task(title, total=len(scene_ids), note="")
        for outcome in _outcomes(partial(_attempt, work), scene_ids, min(jobs, len(scene_ids))):
            outcomes[outcome.scene_id] = outcome
            failed = sum(bool(known.error) for known in outcomes.values())
            bar.update(task, advance=1, note=f"{failed} failed" if failed else "")
    return [outcomes[scene_id] for scene_id in scene_ids]


def _outcomes(
    attempt: Callable[[str], Outcome[R]], scene_ids: Sequence[str], jobs: int
) -> Iterator[Outcome[R]]:
    if jobs <= 1:
        yield from map(attempt, scene_ids)
        return
    # A fresh interpreter per worker: forking a process that has threads (torch, numba) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_end_with_parent)
    try:
        with _interrupts_ignored():
            futures = [pool.submit(attempt, scene_id) for scene_id in scene_ids]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise PoseAlignError(
            f"one of {jobs} worker processes died, for want of memory perhaps; finished scans are "
            "kept, run again with fewer jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that inherit a deaf ear for Ctrl-C, which the terminal sends to all.

    They finish the scans that they are at; this process drops the rest.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only it gets the interrupt
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """End this worker when its parent does; one whose parent is killed would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _attempt(work: Callable[[str], R], scene_id: str) -> Outcome[R]:
    try:
        return Outcome(scene_id=scene_id, result=work(scene_id))
    except PoseAlignError as error:
        return Outcome(scene_id=scene_id, result=None, error=str(error))
