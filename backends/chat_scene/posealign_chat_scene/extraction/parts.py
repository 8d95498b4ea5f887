"""Long extractions, scan by scan: what is finished stays, and the table is put together last."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from posealign_chat_scene.extraction.tables import SETTINGS, feature_key
from posealign_core.atomic import write_text
from posealign_core.datasets.files import read_json
from posealign_core.datasets.safe_load import load_torch
from posealign_core.datasets.torch_files import save_torch
from posealign_core.errors import DataError, PoseAlignError
from posealign_core.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from torch import Tensor

__all__ = ["ExtractionReport", "ScanFeatures", "ScanWork", "claim", "extract_table"]

P = TypeVar("P")


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanFeatures:
    """The features of one scan.

    Attributes:
        vectors: Feature by object id.
        skipped: Ids of the objects without one, by reason.
        counts: Whatever else is worth a count: frames, views.
    """

    vectors: Mapping[int, Tensor]
    skipped: Mapping[str, tuple[int, ...]]
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class ScanWork(Generic[P]):
    """The two halves of an extraction.

    Attributes:
        prepare: Reads a scan; runs in threads, ahead of the other.
        encode: Makes its features, on the accelerator where there is one.
    """

    prepare: Callable[[str], P]
    encode: Callable[[P], ScanFeatures]


@dataclass(frozen=True, kw_only=True)
class ExtractionReport:
    """What became of an extraction; also written beside the table, as `<table>.json`.

    Attributes:
        n_scans: Finished scans.
        n_features: Objects with a feature.
        skipped: Number of objects without one, by reason.
        counts: Sums of the scans' counts.
        missing: Ids of the objects without a feature, by scan.
        errors: Why scans failed, by scan; the table is written only once there are none.
        kept: Whether the table was there already.
    """

    n_scans: int
    n_features: int
    skipped: Mapping[str, int]
    counts: Mapping[str, int]
    missing: Mapping[str, tuple[int, ...]]
    errors: Mapping[str, str]
    kept: bool = False


def extract_table(
    work: ScanWork[P],
    scene_ids: Sequence[str],
    out: Path,
    *,
    settings: Mapping[str, Any],
    workers: int,
    title: str,
) -> ExtractionReport:
    """Make a table; scans that an earlier call finished are not done again.

    Args:
        work: What to do for a scan.
        scene_ids: The scans.
        out: The table to write; while it is being made, `<out>.parts/` lies beside it.
        settings: What its content follows from; an earlier call must have had the same.
        workers: Threads that read ahead.
        title: What the progress bar says.

    Raises:
        DataError: The table or its parts were made with other settings or of other scans.
    """
    described: dict[str, Any] = {"settings": dict(settings), "scans": sorted(scene_ids)}
    report_path, parts = out.with_name(f"{out.name}.json"), out.with_name(f"{out.name}.parts")
    if out.is_file():
        return _kept(out, report_path, described)
    claim(parts / SETTINGS, described["settings"])
    errors: dict[str, str] = {}
    todo = [scene_id for scene_id in scene_ids if not (parts / f"{scene_id}.pt").is_file()]
    with progress_bar() as bar:
        task = bar.add_task(title, total=len(scene_ids), note="")
        bar.update(task, completed=len(scene_ids) - len(todo))
        for scene_id, result in _results(work, todo, workers):
            if isinstance(result, ScanFeatures):
                _write_part(parts / f"{scene_id}.pt", result)
            else:
                errors[scene_id] = str(result)
            bar.update(task, advance=1, note=f"{len(errors)} failed" if errors else "")
    report = _joined(parts, [s for s in scene_ids if s not in errors], errors, out)
    if not errors:
        _write_report(report_path, report, described)
        shutil.rmtree(parts)
    return report


def _results(
    work: ScanWork[P], scene_ids: Sequence[str], workers: int
) -> Iterator[tuple[str, ScanFeatures | PoseAlignError]]:
    """Encode each scan, with at most `workers` more read ahead."""
    waiting: list[tuple[str, Future[P]]] = []
    coming = iter(scene_ids)
    with ThreadPoolExecutor(workers) as pool:
        try:
            while True:
                for scene_id in coming:
                    waiting.append((scene_id, pool.submit(work.prepare, scene_id)))
                    if len(waiting) > workers:
                        break
                if not waiting:
                    return
                scene_id, prepared = waiting.pop(0)
                try:
                    yield scene_id, work.encode(prepared.result())
                except PoseAlignError as error:
                    yield scene_id, error
        finally:
            pool.shutdown(cancel_futures=True)


def _write_part(path: Path, features: ScanFeatures) -> None:
    save_torch(
        path,
        {
            "vectors": dict(features.vectors),
            "skipped": {reason: list(ids) for reason, ids in features.skipped.items()},
            "counts": dict(features.counts),
        },
    )


def _joined(
    parts: Path, scene_ids: Sequence[str], errors: Mapping[str, str], out: Path
) -> ExtractionReport:
    """Add up the parts of these scans; write the table unless some failed."""
    table: dict[str, Tensor] = {}
    skipped: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    missing: dict[str, tuple[int, ...]] = {}
    for scene_id in scene_ids:
        part = load_torch(parts / f"{scene_id}.pt")
        table |= {feature_key(scene_id, i): vector for i, vector in part["vectors"].items()}
        skipped.update({reason: len(ids) for reason, ids in part["skipped"].items()})
        counts.update(part["counts"])
        lacking = sorted(i for ids in part["skipped"].values() for i in ids)
        if lacking:
            missing[scene_id] = tuple(lacking)
    if not errors:
        save_torch(out, table)
    return ExtractionReport(
        n_scans=len(scene_ids),
        n_features=len(table),
        skipped=dict(skipped),
        counts=dict(counts),
        missing=missing,
        errors=errors,
    )


def claim(path: Path, settings: Mapping[str, Any]) -> None:
    """Mark a folder as made with these settings, or check that it is.

    Raises:
        DataError: It was made with others.
    """
    if not path.is_file():
        write_text(path, json.dumps(settings, indent=1) + "\n")
        return
    _require_same(read_json(path), settings, f"delete {str(path.parent)!r}")


def _kept(out: Path, report_path: Path, described: Mapping[str, Any]) -> ExtractionReport:
    """The report of a table that is there already, if it is the one asked for."""
    if not report_path.is_file():
        raise DataError(
            f"{out}: is there, without the {report_path.name} of one made here; choose another name"
        )
    found = read_json(report_path)
    _require_same({key: found.get(key) for key in described}, described, f"delete {str(out)!r}")
    report = {key: found[key] for key in ("n_scans", "n_features", "skipped", "counts")}
    missing = {scene_id: tuple(ids) for scene_id, ids in found["missing"].items()}
    return ExtractionReport(**report, missing=missing, errors={}, kept=True)


def _write_report(path: Path, report: ExtractionReport, described: Mapping[str, Any]) -> None:
    values = {
        **described,
        "n_scans": report.n_scans,
        "n_features": report.n_features,
        "skipped": report.skipped,
        "counts": report.counts,
        "missing": report.missing,
    }
    write_text(path, json.dumps(values, indent=1) + "\n")


def _require_same(found: Any, wanted: Mapping[str, Any], remedy: str) -> None:
    if found != wanted:
        unequal = [
            key for key in wanted if not isinstance(found, dict) or found.get(key) != wanted[key]
        ]
        raise DataError(
            f"wanted features made with these {', '.join(unequal)}, found others; {remedy} to make "
            "them again, or choose another file"
        )
