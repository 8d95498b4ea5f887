"""Picking and joining rows of dataclasses of tensors, whatever their fields are."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["joined", "rows_of"]

T = TypeVar("T")


def rows_of(value: T, rows: Tensor) -> T:
    """Rows (R,) int64 of every tensor, nested ones included; None stays None."""
    if isinstance(value, torch.Tensor):
        return cast("T", value[rows])
    if is_dataclass(value) and not isinstance(value, type):
        picked = {f.name: rows_of(getattr(value, f.name), rows) for f in fields(value)}
        return cast("T", replace(cast("Any", value), **picked))
    return value


def joined(values: Sequence[T]) -> T:
    """One value with the rows of all; what is no tensor is the first one's."""
    first: Any = values[0]
    if isinstance(first, torch.Tensor):
        return cast("T", torch.cat(cast("list[Tensor]", list(values))))
    if is_dataclass(first) and not isinstance(first, type):
        names = [f.name for f in fields(first)]
        parts = {name: joined([getattr(value, name) for value in values]) for name in names}
        return cast("T", replace(cast("Any", first), **parts))
    return cast("T", first)
