"""PoseRecover for many scans: in parallel, resumable, whatever happens to one of them."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from posealign_core.atomic import make_folder
from posealign_core.datasets.jobs import Outcome, run_on_scans
from posealign_core.errors import DataError, PoseAlignWarning
from posealign_core.recover.engines import choose_engine
from posealign_core.recover.plausibility import share_of_objects_seen
from posealign_core.recover.scene import input_digest, recover_scene
from posealign_core.recover.store import DamagedTableError, load_table, save_table, table_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posealign_core.datasets.base import Dataset
    from posealign_core.recover.settings import RecoverSettings
    from posealign_core.structures import FrameCounts, VisibilityTable

__all__ = ["RecoveredScan", "recover_dataset"]


@dataclass(frozen=True, kw_only=True)
class RecoveredScan:
    """What was done for one scan.

    Attributes:
        action: `"made"`, `"made again"` (inputs or settings changed, or the file was damaged) or
            `"kept"` (the file on disk has the same digest).
        path: The table.
        rule: Rule that scored it.
        counts: What became of the recorded frames.
        n_objects: Labelled objects.
        share_seen: Share of them that some kept frame sees.
        notices: What the user should know.
    """

    action: str
    path: Path
    rule: str
    counts: FrameCounts
    n_objects: int
    share_seen: float
    notices: tuple[str, ...]


def recover_dataset(
    dataset: Dataset,
    scene_ids: Sequence[str],
    settings: RecoverSettings,
    out_dir: Path,
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> list[Outcome[RecoveredScan]]:
    """Make the visibility tables of many scans, those that are missing or outdated.

    Each table appears in one step, so the work can be killed at any point and started again. A scan
    that fails is reported in its outcome and does not stop the others. Where scans have notices,
    one `PoseAlignWarning` says how many and shows the first.

    Args:
        dataset: Where scans are read from; it is sent to the worker processes.
        scene_ids: The scans, each once.
        settings: How to score.
        out_dir: Folder for the tables.
        jobs: Worker processes; None for one per core, 1 to work in this process.
        progress: Whether to show a bar on standard error.

    Returns:
        One outcome per scan, in the order given.

    Raises:
        DataError: A scan is named twice.
        PoseAlignError: The folder cannot be made.
    """
    twice = sorted(scene for scene, n in Counter(scene_ids).items() if n > 1)
    if twice:
        raise DataError(f"scenes: wanted each once, found twice: {', '.join(twice)}")
    make_folder(out_dir)
    n_cores = os.cpu_count() or 1
    jobs = max(1, min(n_cores if jobs is None else jobs, len(scene_ids)))
    chosen = replace(settings, engine=choose_engine(settings.engine))
    work = partial(_recover_one, dataset, chosen, out_dir, max(1, n_cores // jobs))
    outcomes = run_on_scans(work, scene_ids, jobs=jobs, title="recover poses", show=progress)
    noticed = [o for o in outcomes if o.result is not None and o.result.notices]
    if noticed:
        first = noticed[0]
        notices = "; ".join(first.result.notices if first.result else ())
        message = (
            f"{len(noticed)} of {len(outcomes)} scans have notices; {first.scene_id}: {notices}"
        )
        warnings.warn(message, PoseAlignWarning, stacklevel=2)
    return outcomes


def _recover_one(
    dataset: Dataset, settings: RecoverSettings, out_dir: Path, n_threads: int, scene_id: str
) -> RecoveredScan:
    scene, trajectory = dataset.scene(scene_id), dataset.trajectory(scene_id)
    path = table_path(out_dir, scene_id)
    action = "made again" if path.exists() else "made"
    old, notices = _existing(path)
    if old is not None and old.digest == input_digest(scene, trajectory, settings):
        return _summary("kept", path, old, notices)
    if settings.engine == "numba":
        import numba

        numba.set_num_threads(min(n_threads, numba.get_num_threads()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PoseAlignWarning)
        table = recover_scene(scene, trajectory, settings)
    for stale in out_dir.glob(f".{path.stem}-*"):  # left by a process that was killed
        stale.unlink(missing_ok=True)
    save_table(path, table)
    notices += tuple(str(w.message) for w in caught if w.category is PoseAlignWarning)
    return _summary(action, path, table, notices)


def _existing(path: Path) -> tuple[VisibilityTable | None, tuple[str, ...]]:
    """The table on disk, or None with a notice where the file is damaged."""
    if not path.exists():
        return None, ()
    try:
        return load_table(path), ()
    except DamagedTableError:
        return None, ("its table was damaged and is made again",)
    except DataError as error:
        raise DataError(
            f"{str(path)!r} is a published table, which is not overwritten; choose another folder"
        ) from error


def _summary(
    action: str, path: Path, table: VisibilityTable, notices: tuple[str, ...]
) -> RecoveredScan:
    return RecoveredScan(
        action=action,
        path=path,
        rule=table.rule,
        counts=table.counts,
        n_objects=int((table.object_ids >= 0).sum()),
        share_seen=share_of_objects_seen(table),
        notices=notices,
    )
