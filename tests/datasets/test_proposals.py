"""Attribute files and detected masks of object-centric systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from posealign_core.datasets.proposals import read_attributes, read_detected_masks
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def _save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def test_attributes_by_scan(tmp_path: Path) -> None:
    boxes = torch.arange(12, dtype=torch.float32).reshape(2, 6)
    values = {
        "scene0000_00": {"objects": ["chair", "table", "lamp"], "locs": boxes},
        "scene0001_00": {"objects": ["sofa"], "locs": boxes[:1].numpy(), "obj_ids": [7]},
    }
    attributes = read_attributes(_save(tmp_path / "a.pt", values))
    first = attributes["scene0000_00"]
    assert first.labels == ("chair", "table", "lamp")
    np.testing.assert_array_equal(first.boxes, boxes.numpy())
    assert first.object_ids is None
    assert attributes["scene0001_00"].object_ids == (7,)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "attributes by scan, found list"),
        ({"s": {"objects": []}}, "wanted 'objects' and 'locs'"),
        ({"s": {"objects": ["a"], "locs": torch.zeros(2, 6)}}, r"at most 1, 6.*found \(2, 6\)"),
        ({"s": {"objects": ["a"], "locs": torch.zeros(1, 5)}}, r"found \(1, 5\)"),
    ],
)
def test_attributes_of_another_structure_are_refused(
    tmp_path: Path, value: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_attributes(_save(tmp_path / "a.pt", value))


def test_detected_masks_keep_their_order(tmp_path: Path) -> None:
    values = [
        {"label": "chair", "segments": [4, 2]},
        {"label": "lamp", "segments": np.array([1])},
        {"label": "void", "segments": []},
    ]
    masks = read_detected_masks(_save(tmp_path / "m.pt", values))
    assert [(label, points.tolist()) for label, points in masks] == [
        ("chair", [4, 2]),
        ("lamp", [1]),
        ("void", []),
    ]
    with pytest.raises(DataError, match="a list of objects"):
        read_detected_masks(_save(tmp_path / "m.pt", [{"label": "chair"}]))
