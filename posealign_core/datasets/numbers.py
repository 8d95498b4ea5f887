"""Checks of arrays that come from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import DataError, ShapeError
from posealign_core.structures.arrays import frozen_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["numeric_array", "require_finite"]


def numeric_array(
    name: str, values: Any, shape: tuple[int | None, ...], dtype: type
) -> NDArray[Any]:
    """Numbers from a file as a read-only array of the wanted shape and type.

    Args:
        name: File and field, for the message.
        values: An array, or nested lists.
        shape: Wanted sizes; None leaves a side free.
        dtype: Wanted element type.

    Raises:
        DataError: They are no numbers, or of another shape.
    """
    try:
        array = np.asarray(values)
        if np.issubdtype(dtype, np.integer) and array.dtype.kind == "f" and (array % 1 != 0).any():
            raise ValueError("a value is not whole")
        return frozen_array(name, array, shape, dtype)
    except ShapeError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        kind = "whole numbers" if np.issubdtype(dtype, np.integer) else "numbers"
        raise DataError(f"{name}: wanted {kind}, found something else ({error})") from error


def require_finite(points: NDArray[np.float64], where: str) -> None:
    """Refuse points (N, 3) that are no numbers.

    Raises:
        DataError: A coordinate is NaN or Inf; says how many points and which is the first.
    """
    broken = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(broken):
        raise DataError(
            f"{where}: wanted finite points, found NaN or Inf in {len(broken)} of {len(points)}, "
            f"first at {broken[0]}; remove them, with their labels"
        )
