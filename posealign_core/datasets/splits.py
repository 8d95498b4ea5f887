"""Lists of scans: which scan belongs to which split."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from posealign_core.datasets.files import read_text
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["find_split_file", "read_split"]


def find_split_file(root: Path, split: str) -> Path | None:
    """`scannetv2_<split>.txt` in a folder, one folder down, or beside the folder; or None."""
    name = f"scannetv2_{split}.txt"
    nearby = [root / name, *sorted(root.glob(f"*/{name}")), root.parent / name]
    return next((path for path in nearby if path.is_file()), None)


def read_split(root: Path, split: str) -> list[str]:
    """Scans of a ScanNet split, sorted.

    Raises:
        DataError: There is no such list, or it names a scan twice.
    """
    path = find_split_file(root, split)
    if path is None:
        raise DataError(
            f"{root}: wanted the split list 'scannetv2_{split}.txt' there, one folder down or "
            "beside it, found none"
        )
    names = sorted(read_text(path).split())
    twice = [a for a, b in pairwise(names) if a == b]
    if twice:
        raise DataError(f"{path}: scan {twice[0]!r} is listed twice; fetch the list again")
    return names
