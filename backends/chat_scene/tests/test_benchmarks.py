from __future__ import annotations

import pytest
import torch

from posealign_chat_scene.benchmarks.nr3d_caption import Nr3DCaption
from posealign_chat_scene.benchmarks.obj_align import ObjAlign
from posealign_core.errors import DataError
from posealign_core.vocabulary import TaskKind

NR3D = """scan_id,target_id,utterance,assignmentid,stimulus_id,mentions_target_class,tokens
scene0001_00,3,the chair by the door,17,scene0001_00-chair-2-3-5,True,"['the', 'chair']"
scene0002_00,1,a lamp,18,scene0002_00-lamp-2-1-2,True,"['a', 'lamp']"
"""


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


def test_utterances_as_captions(tmp_path):
    (tmp_path / "nr3d.csv").write_text(NR3D)
    (tmp_path / "scannetv2_train.txt").write_text("scene0001_00\n")
    (query,) = Nr3DCaption(tmp_path).queries("train")
    assert (query.benchmark, query.kind) == ("nr3d_caption", TaskKind.CAPTION)
    assert (query.text, query.references) == ("", ("the chair by the door",))
    assert query.region.object_id == 3
