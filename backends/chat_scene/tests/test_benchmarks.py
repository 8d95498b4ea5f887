from __future__ import annotations

import pytest
import torch

from posealign_chat_scene.benchmarks.obj_align import ObjAlign
from posealign_core.errors import DataError
from posealign_core.vocabulary import TaskKind


def test_objects_with_a_box_and_a_name(tmp_path):
    boxes = torch.ones(4, 6)
    boxes[2] = 0
    labels = ["chair", "wall lamp", "table", "bed", "beyond the boxes"]
    values = {"scene0001_00": {"objects": labels, "locs": boxes}}
    torch.save(values, tmp_path / "scannet_train_attributes.pt")
    queries = ObjAlign(tmp_path).queries("train")
    assert [(q.query_id, q.references) for q in queries] == [
        ("scene0001_00|0", ("chair",)),
        ("scene0001_00|3", ("bed",)),
    ]
    assert all(
        q.kind is TaskKind.CAPTION and q.region.object_id == q.target_ids[0] for q in queries
    )


def test_without_attributes(tmp_path):
    with pytest.raises(DataError, match=r"scannet_val_attributes\.pt"):
        ObjAlign(tmp_path).queries("val")
