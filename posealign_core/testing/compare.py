"""Looking into features that only their backbone understands: flatten, compare, find what moved."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from posealign_core.errors import ConformanceError

__all__ = ["changed_entries", "common_entries", "differences", "flatten"]

Leaves = dict[str, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

TOLERANCE = 1e-4
"""Largest absolute difference between floats that still counts as equal."""

_PLAIN = (str, bytes, bool, int, float, complex, type(None))


def flatten(value: object, path: str = "") -> Leaves:
    """Take features, batches or samples apart into arrays and plain values, by path.

    Args:
        value: Tensors, arrays and plain values in mappings, sequences, dataclasses, and data
            objects of torch-geometric.
        path: Name of `value`.

    Raises:
        ConformanceError: A part is none of these, so it could not be moved to a device, sent to a
            worker, or compared.
    """
    if isinstance(value, torch.Tensor):
        return {path: value.detach().cpu().to_dense().numpy()}
    if isinstance(value, np.ndarray | np.generic):
        return {path: np.asarray(value)}
    if isinstance(value, enum.Enum):
        return {path: value.value}
    if isinstance(value, _PLAIN):
        return {path: value}
    leaves: Leaves = {}
    for name, part in _parts(value, path).items():
        leaves |= flatten(part, f"{path}.{name}" if path else name)
    return leaves


def _parts(value: Any, path: str) -> dict[str, Any]:
    if hasattr(value, "to_dict"):  # torch_geometric.data.Data and Batch
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): part for key, part in value.items()}
    if isinstance(value, Sequence):
        return {str(index): part for index, part in enumerate(value)}
    if isinstance(value, set | frozenset):
        return {str(index): part for index, part in enumerate(sorted(value))}
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    raise ConformanceError(
        f"features hold {path!r} of type {type(value).__name__}; "
        "wanted CPU tensors and plain values"
    )


def differences(a: object, b: object) -> list[str]:
    """Paths at which two values differ, each with what was found; empty when they are equal."""
    left, right = flatten(a), flatten(b)
    found = [f"{path} is on one side only" for path in sorted(left.keys() ^ right.keys())]
    for path in left.keys() & right.keys():
        mask = _entries(left[path], right[path])
        if mask.any():
            found.append(f"{path} differs in {int(mask.sum())} of {mask.size} entries")
    return sorted(found)


def changed_entries(a: object, b: object) -> dict[str, Mask]:
    """Where two values differ: a mask for each path that has a difference.

    A part whose shape differs, or that one side lacks, is marked whole: `array(True)`.
    """
    left, right = flatten(a), flatten(b)
    changed = {path: np.array(True) for path in left.keys() ^ right.keys()}
    for path in left.keys() & right.keys():
        mask = _entries(left[path], right[path])
        if mask.any():
            changed[path] = mask
    return changed


def common_entries(a: Mapping[str, Mask], b: Mapping[str, Mask]) -> list[str]:
    """Paths at which two results of `changed_entries` overlap."""
    both = sorted(a.keys() & b.keys())
    return [p for p in both if a[p].shape != b[p].shape or (a[p] & b[p]).any()]


def _entries(a: object, b: object) -> Mask:
    """Mask of unequal entries, of the common shape, or a single True where shapes differ."""
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or (x.dtype.kind in "biufc") != (y.dtype.kind in "biufc"):
        return np.array(True)
    if x.dtype.kind in "fc":
        equal: Mask = np.isclose(x, y, rtol=0, atol=TOLERANCE, equal_nan=True)
        return ~equal
    return np.asarray(x != y)
