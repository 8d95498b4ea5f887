from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation.records import (
    pose_from_record,
    prediction_from_record,
    prediction_to_record,
    read_predictions,
    read_records,
)
from posealign_core.geometry import Frame, Intrinsics, RigidTransform, corners_from_aabb
from posealign_core.structures import EgoPose, Prediction, RunLengthMask
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from pathlib import Path


def turned(target: Frame, source: Frame) -> RigidTransform:
    c, s = np.cos(0.3), np.sin(0.3)
    matrix = np.array([[c, -s, 0, 1.0], [s, c, 0, 2.0], [0, 0, 1, 1 / 3], [0, 0, 0, 1]])
    return RigidTransform(matrix, target, source)


def full_prediction() -> Prediction:
    return Prediction(
        query_id="scene0000_00|3|1",
        benchmark="scanrefer",
        scene_id="scene0000_00",
        text='the "left" chair\nünder',
        corners=corners_from_aabb([[0.1, 0.2, 0.3, 1.0, 2.0, 3.0]]),
        masks=(RunLengthMask.encode([0, 1, 1, 0, 1]), RunLengthMask.encode([1, 1, 1, 1, 1])),
        object_ids=(3, 9),
        confidences=(0.5,),
        missing_inputs={"images": 2},
        pose=EgoPose(
            reference_from_camera=turned(Frame.WORLD, Frame.CAMERA),
            intrinsics=Intrinsics(577.87, 577.87, 319.5, 239.5, 640, 480),
            source=PoseSource.FALLBACK,
            selector="clip",
            frame_id="125",
            object_id=3,
            score=0.25,
            fallback_reason="no frame sees object 3",
            perturbed=True,
        ),
    )


def record_of(prediction: Prediction) -> dict[str, Any]:
    return prediction_to_record(
        prediction,
        split="val",
        aligned_from_world=turned(Frame.AXIS_ALIGNED, Frame.WORLD),
        run={"id": "r1", "seed": 0},
    )


def test_everything_survives_a_line_of_json() -> None:
    first = full_prediction()
    record = json.loads(json.dumps(record_of(first)))
    again = prediction_from_record(record)
    assert record_of(again) == record_of(first)
    assert np.array_equal(again.corners, first.corners)
    assert again.masks == first.masks
    assert again.pose is not None
    assert first.pose is not None
    ours, theirs = again.pose.reference_from_camera, first.pose.reference_from_camera
    assert np.array_equal(ours.matrix, theirs.matrix)
    assert (ours.target, ours.source) == (Frame.WORLD, Frame.CAMERA)
    for name in ("intrinsics", "source", "selector", "frame_id", "object_id", "score"):
        assert getattr(again.pose, name) == getattr(first.pose, name)
    assert again.pose.fallback_reason == "no frame sees object 3"
    assert again.pose.perturbed
    assert (record["split"], record["run"]) == ("val", {"id": "r1", "seed": 0})


def test_an_empty_prediction_survives_too() -> None:
    bare = Prediction(query_id="q", benchmark="scanqa", scene_id="s", text="left")
    record = record_of(bare)
    assert record["boxes"] == record["corners"] == record["mask_rle"] == []
    again = prediction_from_record(record)
    assert again.corners.shape == (0, 8, 3)
    assert again.pose is None


def test_boxes_are_in_the_axis_aligned_frame() -> None:
    """The corners are those of an axis-aligned box, carried into the world: the box comes back."""
    world_from_aligned = turned(Frame.AXIS_ALIGNED, Frame.WORLD).inverse()
    corners = world_from_aligned.apply(corners_from_aabb([[1, 2, 3, 0.5, 0.6, 0.7]]))
    moved = Prediction(query_id="q", benchmark="b", scene_id="s", text="", corners=corners)
    assert record_of(moved)["boxes"] == [pytest.approx([1, 2, 3, 0.5, 0.6, 0.7])]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema version 1, found 2"),
        ({"schema_version": None}, "found None"),
        ({"corners": [[1, 2, 3]]}, "schema 1"),
        ({"mask_rle": [{"size": 9, "runs": "1 2"}]}, "run-length"),
        ({"pose": {"source": "annotated"}}, "world_from_camera"),
        ({"object_ids": None}, "schema 1"),
    ],
)
def test_damaged_records_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prediction_from_record({**record_of(full_prediction()), **change})


def test_a_pose_that_is_not_rigid_is_refused() -> None:
    pose = record_of(full_prediction())["pose"]
    with pytest.raises(DataError, match="rigid"):
        pose_from_record({**pose, "world_from_camera": np.zeros((4, 4)).tolist()})


def test_files_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(record_of(full_prediction())) + "\n")
    assert [p.query_id for p in read_predictions(path)] == ["scene0000_00|3|1"]
    path.write_text(path.read_text() + "{cut")
    with pytest.raises(DataError, match="line 2"):
        read_records(path)
    path.write_text("[]\n")
    with pytest.raises(DataError, match="line 1 is no prediction"):
        read_records(path)
    with pytest.raises(DataError, match="posealign predict"):
        read_records(tmp_path / "none.jsonl")
