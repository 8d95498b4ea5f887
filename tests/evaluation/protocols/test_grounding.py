from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scoring_toys import CHAIR, DOOR, NEAR_CHAIR, TABLE, answer, in_world, mask, query, scene, score

from posealign_core.errors import DataError, ShapeError
from posealign_core.evaluation import score_predictions
from posealign_core.structures import Query, RunLengthMask, Scene
from posealign_core.vocabulary import TaskKind


def refer(*targets: tuple[int, ...], benchmark: str = "scanrefer") -> list[Query]:
    return [
        query(benchmark, str(i), TaskKind.GROUND, target_ids=ids) for i, ids in enumerate(targets)
    ]


def test_scanrefer_by_protocol() -> None:
    queries = refer((0,), (0,), (3,))
    given = [answer("0", corners=in_world(NEAR_CHAIR)), answer("1", object_ids=(7, 0))]
    for protocol, last in (("strict", 0), ("official", None), ("chat-scene", None)):
        result = score(queries, given, protocol)
        assert result.scores["acc@0.25"] == (1, 0, last)
        assert result.scores["acc@0.5"] == (0, 0, last)
    assert score(queries, given, "official").estimate("acc@0.25").mean == 0.5
    assert "f1@0.5" not in score(queries, given, "official").scores


def test_masks_of_scanrefer() -> None:
    queries = refer((0,), (3,), (7,))
    given = [answer("0", masks=(mask(0, 6, 7),)), answer("1"), answer("2", masks=(mask(4, 5),))]
    result = score(queries, given, "3d-llava")
    assert result.scores["mask_iou"] == pytest.approx((1 / 4, 0, 1))
    assert result.scores["mask_acc@0.25"] == (1, 0, 1)
    assert result.estimate("mask_iou").mean == pytest.approx(1.25 / 3)
    assert score(queries, given[:1], "3d-llava").estimate("mask_iou").n == 1
    strict = score(queries, given[:1], "strict")
    assert strict.scores["mask_iou"] == pytest.approx((1 / 4, 0, 0))


def test_a_mask_has_the_box_around_its_points_in_the_aligned_frame() -> None:
    result = score(refer((3,)), [answer("0", masks=(mask(2, 3),))], "strict")
    assert result.scores["iou"] == pytest.approx((1,), abs=1e-6)
    empty = score(refer((3,)), [answer("0", masks=(mask(),))], "strict")
    assert empty.scores["iou"] == (0,)
    assert empty.scores["mask_iou"] == (0,)


def test_multi3drefer_by_protocol() -> None:
    queries = refer((), (), (0,), (0, 3), (7,), benchmark="multi3drefer")
    given = [
        answer("0"),
        answer("1", object_ids=(3,)),
        answer("2", object_ids=(0, 0)),
        answer("3", corners=in_world(TABLE, NEAR_CHAIR)),
    ]
    assert score(queries, given, "official").scores == {
        "f1@0.25": pytest.approx((1, 0, 2 / 3, 1, 0)),
        "f1@0.5": pytest.approx((1, 0, 2 / 3, 0.5, 0)),
    }
    # Naming an object twice is no mistake, but Chat-Scene counts it; it drops what is missing.
    assert score(queries, given, "strict").scores["f1@0.25"] == pytest.approx((1, 0, 1, 1, 0))
    found = score(queries, given, "chat-scene").scores["f1@0.25"]
    assert found[:4] == pytest.approx((1, 0, 2 / 3, 1))
    assert found[4] is None


def test_union_masks_of_multi3drefer() -> None:
    queries = refer((), (), (0, 3), benchmark="multi3drefer")
    given = [
        answer("0", masks=(mask(),)),
        answer("1", masks=(mask(6),)),
        answer("2", masks=(mask(0, 1), mask(2))),
    ]
    result = score(queries, given, "3d-llava")
    assert result.scores["mask_iou"] == pytest.approx((1, 0, 3 / 4))


def test_boxes_that_are_no_numbers_meet_nothing_and_are_reported() -> None:
    broken = np.full((1, 8, 3), np.nan)
    both = np.concatenate([broken, in_world(CHAIR)])
    queries = refer((0,), (0,), (0,))
    given = [
        answer("0", corners=broken),
        answer("1", corners=both),
        answer("2", corners=both, confidences=(float("nan"), 0.1)),
    ]
    result = score(queries, given, "strict")
    assert result.scores["acc@0.25"] == (0, 0, 1)
    assert result.scores["f1@0.25"] == pytest.approx((0, 2 / 3, 2 / 3))
    assert result.remarks["boxes"] == "3 are not finite and count as misses"


def test_a_mask_of_another_scan_is_refused() -> None:
    with pytest.raises(ShapeError, match="wanted 8 points"):
        score(refer((0,)), [answer("0", masks=(RunLengthMask((1, 2), 3),))], "strict")


def test_masks_want_masks() -> None:
    def without_masks(scene_id: str) -> Scene:
        return Scene(scene_id=scene_id, frame=scene("s").frame, points=np.zeros((8, 3)))

    with pytest.raises(DataError, match="wanted object masks"):
        score_predictions(refer((0,)), [answer("0")], without_masks, protocol="3d-llava")


def test_targets_pair_whatever_their_order() -> None:
    queries = refer((0, 3, 7), benchmark="multi3drefer")
    given = [answer("0", corners=in_world(DOOR, CHAIR, TABLE))]
    assert score(queries, given, "official").scores["f1@0.5"] == (1,)


def test_one_mask_of_two_objects_is_split_into_its_parts() -> None:
    """The two corner points of an object are one superpoint; the objects lie metres apart."""

    def in_superpoints(scene_id: str) -> Scene:
        return replace(scene(scene_id), superpoint_ids=np.array([0, 0, 1, 1, 2, 2, 3, 4]))

    queries = refer((0, 3), (0,), (), benchmark="multi3drefer")
    given = [
        answer("0", masks=(mask(0, 1, 2, 3),)),  # both objects, nothing else
        answer("1", masks=(mask(0, 1, 4, 5),)),  # the chair, and the door too
        answer("2", masks=(mask(),)),
    ]
    result = score_predictions(queries, given, in_superpoints, protocol="strict")
    assert result.scores["f1_cc@0.5"] == pytest.approx((1, 2 / 3, 1))
    # The benchmark's own F1 takes the box around the whole mask, which meets no object.
    assert result.scores["f1@0.25"] == (0, 0, 1)
    assert result.scores["mask_iou"] == pytest.approx((1, 1 / 2, 1))
    unsplit = score(queries, [answer("0", corners=in_world(CHAIR))], "strict")
    assert "f1_cc@0.5" not in unsplit.scores
    assert "f1_cc@0.5" not in score(refer((0,)), [answer("0", masks=(mask(0),))], "strict").scores
