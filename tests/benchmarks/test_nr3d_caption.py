from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from posealign_core.benchmarks.nr3d_caption import Nr3DCaption
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

NR3D = """scan_id,target_id,utterance,assignmentid,stimulus_id,mentions_target_class,instance_type
scene0001_00,3,the chair by the door,17,scene0001_00-chair-2-3-5,True,chair
scene0002_00,1,a lamp,18,scene0002_00-lamp-2-1-2,True,lamp
scene0001_00,3,an old chair,19,scene0001_00-chair-2-3-5,True,chair
scene0001_00,5,the other chair,20,scene0001_00-chair-2-5-3,True,chair
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "nr3d.csv").write_text(NR3D)
    for split in ("train", "val"):
        (tmp_path / f"scannetv2_{split}.txt").write_text("scene0001_00\n")
    return tmp_path


def test_training_takes_each_utterance(root: Path) -> None:
    queries = Nr3DCaption(root).queries("train")
    assert [(q.query_id, q.references) for q in queries] == [
        ("17", ("the chair by the door",)),
        ("19", ("an old chair",)),
        ("20", ("the other chair",)),
    ]
    assert {(q.benchmark, q.kind, q.text) for q in queries} == {
        ("nr3d_caption", TaskKind.CAPTION, "")
    }
    assert [q.region.object_id for q in queries if q.region] == [3, 3, 5]


def test_evaluation_asks_once_per_object_with_all_utterances(root: Path) -> None:
    queries = Nr3DCaption(root).queries("val")
    assert [(q.query_id, q.target_ids, q.references) for q in queries] == [
        ("scene0001_00|3", (3,), ("the chair by the door", "an old chair")),
        ("scene0001_00|5", (5,), ("the other chair",)),
    ]
    assert all(dict(q.extra) == {"object_name": "chair"} for q in queries)
    assert [q.region.object_id for q in queries if q.region] == [3, 5]
