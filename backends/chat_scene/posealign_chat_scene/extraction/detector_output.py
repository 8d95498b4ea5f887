"""Mask3D's own output, one text per scan and one per mask (chat_scene spec 2.1)."""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.files import read_text
from posealign_core.datasets.jobs import run_on_scans
from posealign_core.datasets.proposals import read_detected_masks
from posealign_core.datasets.torch_files import save_torch
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.datasets.jobs import Outcome

__all__ = ["convert_detections", "read_class_names", "read_predictions", "scans_of"]


def scans_of(predictions: Path) -> list[str]:
    """Names of the scans that a folder `<split>/<scan>.txt` of predictions holds, sorted."""
    return sorted(path.stem for path in predictions.glob("*.txt"))


def convert_detections(
    predictions: Path, names: Path, out: Path, scene_ids: Sequence[str], *, jobs: int
) -> list[Outcome[int]]:
    """Write `<out>/<scan>.pt` for each scan; files that are there are kept.

    Args:
        predictions: Folder with `<scan>.txt`, for one split.
        names: `scannetv2-labels.combined.tsv`.
        out: Folder to write.
        scene_ids: The scans.
        jobs: Processes.

    Returns:
        Number of proposals of each scan.
    """
    work = partial(_convert, predictions, read_class_names(names), out)
    return run_on_scans(work, scene_ids, jobs=jobs, title="reading proposals")


def _convert(predictions: Path, names: Mapping[int, str], out: Path, scene_id: str) -> int:
    path = out / f"{scene_id}.pt"
    if not path.is_file():
        masks = read_predictions(predictions / f"{scene_id}.txt", names)
        values = [{"label": label, "segments": members.tolist()} for label, members in masks]
        save_torch(path, values)
    return len(read_detected_masks(path))


def read_predictions(path: Path, names: Mapping[int, str]) -> list[tuple[str, NDArray[np.int64]]]:
    """Read the masks of one scan: category and point indices, in file order.

    Each line is `<mask path> <class id> <score>`; the mask lies where the path says once its last
    underscore is a folder separator. The score is dropped, as published.

    Raises:
        DataError: A file is missing, or a line is of another form.
    """
    masks = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 3 or not words[1].isdecimal() or "_" not in words[0]:
            raise DataError(
                f"{path}, line {number}: wanted '<mask path> <class id> <score>', "
                f"found {line!r:.80}"
            )
        class_id = int(words[1])
        if class_id not in names:
            raise DataError(
                f"{path}, line {number}: class {class_id} has no name in the label file"
            )
        stem, _, last = words[0].rpartition("_")
        masks.append((names[class_id], _read_mask(path.parent / f"{stem}/{last}")))
    return masks


def _read_mask(path: Path) -> NDArray[np.int64]:
    """Indices of the lines that start with a 1; there is one line per vertex."""
    lines = read_text(path).split()
    members: NDArray[np.int64] = np.flatnonzero([line.startswith("1") for line in lines])
    return members


def read_class_names(path: Path) -> dict[int, str]:
    """Names of the classes, columns `id` and `category` of `scannetv2-labels.combined.tsv`.

    Raises:
        DataError: The file is missing or has other columns.
    """
    rows = csv.reader(read_text(path).splitlines(), delimiter="\t")
    next(rows, None)
    try:
        names: dict[int, str] = {}
        for row in rows:
            names.setdefault(int(row[0]), row[2])
    except (IndexError, ValueError) as error:
        raise DataError(
            f"{path}: wanted tab-separated columns with id first and name third ({error})"
        ) from error
    return names
