"""Reading the training log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["POSES", "read_log"]

POSES = "poses/"
"""Prefix of the counts of poses, by source, in a line of the log."""


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a training log; a last line that was cut short by an interruption is left out.

    Raises:
        DataError: Another line is damaged.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    whole = [line for line in lines if line.endswith("\n")]
    try:
        return [json.loads(line) for line in whole]
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}: wanted one JSON object per line, found damage: {error}"
        ) from error
