"""The checks that every structure makes on the arrays it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["frozen_array"]


def frozen_array(
    name: str, value: ArrayLike, shape: tuple[int | None, ...], dtype: DTypeLike
) -> NDArray[Any]:
    """Return `value` as a read-only array of the wanted type, without copying where none is needed.

    Args:
        name: What the array is, for the message: `"points of scene 'x'"`.
        value: Anything numpy takes.
        shape: Wanted sizes; None leaves a side free.
        dtype: Wanted element type.

    Raises:
        ShapeError: The number of sides or a fixed side differs.
    """
    array = np.asarray(value, dtype=dtype)
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = tuple("any" if side is None else side for side in shape)
        raise ShapeError(f"{name}: wanted shape {wanted}, found {array.shape}")
    view: NDArray[Any] = array.view()
    view.setflags(write=False)
    return view
