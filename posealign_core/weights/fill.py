"""Copying stored tensors over those of a model, with a report of what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.backbone import LoadReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

__all__ = ["fill", "joined"]


@torch.no_grad()
def fill(wanted: Mapping[str, Tensor], stored: Iterable[tuple[str, Tensor]]) -> LoadReport:
    """Copy what fits by name and shape; the rest of the model stays as it is.

    Args:
        wanted: The model's tensors.
        stored: Entries of a file, under the same names.
    """
    found: set[str] = set()
    unexpected: list[str] = []
    reshaped: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
    for key, tensor in stored:
        if key not in wanted:
            unexpected.append(key)
            continue
        found.add(key)
        if tensor.shape == wanted[key].shape:
            wanted[key].copy_(tensor)
        else:
            reshaped.append((key, tuple(tensor.shape), tuple(wanted[key].shape)))
    return LoadReport(
        loaded=len(found) - len(reshaped),
        missing=tuple(sorted(wanted.keys() - found)),
        unexpected=tuple(sorted(unexpected)),
        reshaped=tuple(sorted(reshaped)),
    )


def joined(*reports: LoadReport) -> LoadReport:
    """One report about several parts of a checkpoint."""
    return LoadReport(
        loaded=sum(report.loaded for report in reports),
        missing=tuple(key for report in reports for key in report.missing),
        unexpected=tuple(key for report in reports for key in report.unexpected),
        reshaped=tuple(entry for report in reports for entry in report.reshaped),
    )
