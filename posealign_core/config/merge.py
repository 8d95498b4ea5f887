"""Laying values over values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posealign_core.config.files import DELETE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["merge", "nested"]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` on top.

    Sections merge key by key; anything else, lists included, is replaced. A word below a section
    stands for its name (`selector: clip` below `selector: {ratio: 0.2}`). A section that holds
    `_delete_: true` replaces the one below it whole, as in mmengine.
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict):
            below = {"name": below} if isinstance(below, str) else below
            own = {k: v for k, v in value.items() if k != DELETE}
            keep = isinstance(below, dict) and not value.get(DELETE)
            merged[key] = merge(below if keep and isinstance(below, dict) else {}, own)
        else:
            merged[key] = value
    return merged


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as sections: `{"a.b": 1}` becomes `{"a": {"b": 1}}`."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        head, *path = reversed(key.split("."))
        section: dict[str, Any] = {head: value}
        for name in path:
            section = {name: section}
        result = merge(result, section)
    return result
