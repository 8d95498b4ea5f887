"""Questions without a target: where they are asked from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from recover_scans import clutter, look_at, query, ring, scene, table, trajectory

from posealign_core.errors import PoseNotFoundError
from posealign_core.recover import Annotated, Clip, RandomFrame, Top, query_rng, recover_pose
from posealign_core.structures import ObjectTable
from posealign_core.vocabulary import PoseSource

POINTS, IDS = clutter(0)
OBJECTS = ObjectTable(
    object_ids=np.array([2, 5, 8]),
    labels=("chair", "trash can", "couch"),
    centers=np.zeros((3, 3)),
)
SCENE = scene(POINTS, IDS, objects=OBJECTS)
TABLE = table([[0.1, 0.0, 0.3], [0.5, 0.7, 0.2], [0.2, 0.0, 0.9]], [2, 5, 8])
RECORDED = trajectory(ring(9))


def asked(
    text: str, selector: Any, n: int = 60, recorded: Any = RECORDED, seen: Any = TABLE
) -> Any:
    poses = []
    for i in range(n):
        q = replace(query(query_id=f"q{i}"), text=text)
        poses.append(recover_pose(q, SCENE, recorded, seen, selector, query_rng(0, 0, q.query_id)))
    assert {pose.source for pose in poses} == {PoseSource.FALLBACK}
    return poses


@pytest.mark.parametrize(
    ("text", "frame", "named"),
    [
        ("All chairs by the door.", "1", 2),
        ("the trash cans", "1", 5),
        ("Two COUCHES.", "2", 8),
    ],
)
@pytest.mark.parametrize("selector", [Top(), Annotated()])
def test_what_the_text_names_stands_in(text: str, frame: str, named: int, selector: Any) -> None:
    for pose in asked(text, selector, n=5):
        assert pose.frame_id == frame
        assert f"object {named}, which its text names, stands in" in pose.fallback_reason
        assert (pose.object_id, pose.score) == (None, None)


def test_one_of_several_that_the_text_names() -> None:
    frames = Counter(pose.frame_id for pose in asked("a chair by the couch", Top(), n=400))
    assert frames["1"] + frames["2"] == 400
    assert frames["1"] == pytest.approx(200, abs=45)


def test_the_selectors_own_rule_chooses_among_the_frames_that_see_it() -> None:
    frames = {pose.frame_id for pose in asked("a couch", Clip(0.0))}
    assert frames == {"0", "1", "2"}


@pytest.mark.parametrize("text", ["all armchairs", "some trash", "", "chairman"])
def test_a_text_that_names_nothing(text: str) -> None:
    poses = asked(text, Top())
    assert {pose.fallback_reason for pose in poses} == {"the query has no target"}
    assert {pose.frame_id for pose in poses} == {"0", "1", "2"}


def test_what_no_frame_sees_does_not_stand_in() -> None:
    unseen = table([[0.0, 0.0, 0.3], [0.0, 0.7, 0.2], [0.0, 0.0, 0.9]], [2, 5, 8])
    assert {p.fallback_reason for p in asked("a chair", Top(), seen=unseen)} == {
        "the query has no target"
    }


def test_random_kept_frames() -> None:
    assert {p.frame_id for p in asked("a chair", Top("random"))} == {"0", "1", "2"}


def test_any_recorded_frame_as_released() -> None:
    poses = ring(9)
    poses[[0, 4]] = np.nan
    found = asked("a chair", Top("recorded"), n=300, recorded=trajectory(poses))
    assert {pose.frame_id for pose in found} == {str(i) for i in range(9)} - {"0", "4"}


def test_no_usable_recorded_frame() -> None:
    with pytest.raises(PoseNotFoundError, match="none among 9"):
        asked("a chair", Top("recorded"), recorded=trajectory(np.full((9, 4, 4), np.inf)))


def test_the_view_of_the_middle() -> None:
    kept = np.stack([look_at([3, 0, 1.25], target) for target in ([0, 2, 1], [0, 0, 1.25])])
    seen = replace(table(np.zeros((2, 3)), [2, 5, 8]), trajectory=trajectory(kept))
    assert {p.frame_id for p in asked("a chair", Top("scene_center"), seen=seen)} == {"1"}


def test_the_rule_is_checked() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        Top("nowhere")


def test_rules_that_need_no_target_are_untouched() -> None:
    pose = recover_pose(query(), SCENE, RECORDED, TABLE, RandomFrame(), np.random.default_rng(0))
    assert pose.source is PoseSource.RECOVERED
