"""Rules that choose a frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recover_scans import query, ring, trajectory

from posealign_core.errors import ConfigError, PoseNotFoundError
from posealign_core.geometry import Frame, RigidTransform
from posealign_core.host import build_host
from posealign_core.recover import Annotated, Clip, Given, RandomFrame, Top
from posealign_core.registry import resolve
from posealign_core.vocabulary import PoseSource


def drawn(selector: object, scores: object, n: int = 400) -> set[int | None]:
    """All frames that many draws give."""
    rng = np.random.default_rng(0)
    return {selector.select(np.float32(scores), rng) for _ in range(n)}  # type: ignore[attr-defined]


def test_top_takes_the_first_of_equals() -> None:
    assert drawn(Top(), [0.1, 0.7, 0.2, 0.7], n=5) == {1}


@pytest.mark.parametrize("selector", [Top(), Clip(0.3), Clip(0.3, "released"), Annotated()])
def test_nothing_seen(selector: object) -> None:
    assert drawn(selector, [0, 0, 0], n=5) == {None}
    assert drawn(selector, [], n=5) == {None}


def test_clip_draws_from_the_middle() -> None:
    scores = [0, 0.5, 0.1, 0.4, 0, 0.2, 0.3]  # in order: 2, 5, 6, 3, 1
    assert drawn(Clip(0.2), scores) == {5, 6, 3}
    assert drawn(Clip(0.4), scores) == {6}
    assert drawn(Clip(0.0), scores) == {2, 5, 6, 3, 1}


def test_clip_is_uniform_over_the_middle() -> None:
    rng = np.random.default_rng(1)
    scores = np.linspace(0.1, 1, 10, dtype=np.float32)
    counts = np.bincount([Clip(0.3).select(scores, rng) for _ in range(4000)], minlength=10)
    assert counts[[0, 1, 2, 7, 8, 9]].sum() == 0
    assert counts[3:7] == pytest.approx(np.full(4, 1000), abs=120)


def test_released_clip_indexes_twice() -> None:
    """Middle of the order [2, 0, 3, 1, 4, 5] with c = 2 is {3, 1}; order[3] = 1, order[1] = 0."""
    scores = [0.2, 0.4, 0.1, 0.3, 0.5, 0.6]
    assert drawn(Clip(0.34), scores) == {3, 1}
    assert drawn(Clip(0.34, "released"), scores) == {1, 0}


def test_released_clip_indexes_among_the_seen_frames() -> None:
    scores = [0, 0.2, 0.4, 0, 0.1, 0.3, 0.5, 0.6]  # as above, at 1, 2, 4, 5, 6, 7
    assert drawn(Clip(0.34, "released"), scores) == {2, 1}


def test_released_clip_with_one_to_drop_drops_nothing() -> None:
    scores = [0.1, 0.2, 0.3, 0.4, 0.5]  # int(5 * 0.3) = 1; the order is the identity
    assert drawn(Clip(0.3), scores) == {1, 2, 3}
    assert drawn(Clip(0.3, "released"), scores) == {0, 1, 2, 3, 4}


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.floats(0, 1, width=32), max_size=40),
    ratio=st.floats(0, 0.49),
    fidelity=st.sampled_from(["correct", "released"]),
)
def test_clip_draws_a_frame_that_sees_the_target(
    scores: list[float], ratio: float, fidelity: str
) -> None:
    rows = drawn(Clip(ratio, fidelity), scores, n=8)
    if any(scores):
        assert all(row is not None and scores[row] > 0 for row in rows)
    else:
        assert rows == {None}


def test_random_ignores_the_object() -> None:
    assert drawn(RandomFrame(), [0, 0, 1]) == {0, 1, 2}
    assert drawn(RandomFrame(), [], n=2) == {None}
    assert not RandomFrame().needs_target


def test_given_names_any_recorded_frame() -> None:
    recorded = trajectory(ring(4), names=["0", "7", "14", "21"])
    pose = Given("14").direct(query(1), recorded)
    assert pose is not None
    assert (pose.source, pose.frame_id, pose.selector) == (PoseSource.USER, "14", "given")
    np.testing.assert_array_equal(pose.reference_from_camera.matrix, recorded.world_from_camera[2])
    assert Given(7).direct(query(), recorded).frame_id == "7"  # type: ignore[union-attr, arg-type]


def test_given_frame_that_is_not_there() -> None:
    poses = ring(2)
    poses[1] = np.nan
    with pytest.raises(PoseNotFoundError, match=r"no frame '9' among 2 recorded \(0, 1, \.\.\.\)"):
        Given("9").direct(query(), trajectory(poses))
    with pytest.raises(PoseNotFoundError, match="not finite and rigid; choose another"):
        Given("1").direct(query(), trajectory(poses))


def test_annotated_prefers_the_annotation() -> None:
    annotation = RigidTransform(ring(3)[1], Frame.WORLD, Frame.CAMERA)
    pose = Annotated().direct(query(1, annotated_pose=annotation), trajectory(ring(2)))
    assert pose is not None
    assert pose.source is PoseSource.ANNOTATED
    assert pose.reference_from_camera is annotation
    assert Annotated().direct(query(1), trajectory(ring(2))) is None


def test_annotations_can_be_limited_to_benchmarks() -> None:
    annotation = RigidTransform(np.eye(4), Frame.WORLD, Frame.CAMERA)
    asked = query(1, annotated_pose=annotation)
    scan = trajectory(ring(2))
    assert Annotated(benchmarks=[asked.benchmark]).direct(asked, scan) is not None
    assert Annotated(benchmarks=["another"]).direct(asked, scan) is None


def test_annotated_without_an_annotation_goes_by_another_rule() -> None:
    assert drawn(Annotated(), [0.1, 0.9], n=3) == {1}
    assert drawn(Annotated("clip", ratio=0.34), [0.1, 0.2, 0.3]) == {1}
    assert Annotated("random").needs_target is False


@pytest.mark.parametrize("ratio", [-0.1, 0.5, float("nan")])
def test_clip_ratio_out_of_range(ratio: float) -> None:
    with pytest.raises(ConfigError, match=r"at least 0 and below 0\.5"):
        Clip(ratio)


def test_annotated_with_an_unknown_rule() -> None:
    with pytest.raises(ConfigError, match="wanted one of top, clip, random"):
        Annotated("best")


def test_all_are_registered() -> None:
    host = build_host(entry_points=False)
    parameters = {"given": {"frame_id": "0"}}
    names = {spec.name for spec in host.selectors}
    assert names >= {"annotated", "clip", "given", "random", "top"}
    for spec in host.selectors:
        assert resolve(spec)(**parameters.get(spec.name, {})).name == spec.name
