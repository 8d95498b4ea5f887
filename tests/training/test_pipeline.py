from __future__ import annotations

import multiprocessing
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from learning_toy import CAMERA, ToyDataset, camera, toy_pipeline, toy_queries

from posealign_core.errors import PoseNotFoundError, SceneNotFoundError
from posealign_core.pipeline import QueryPipeline, count_fallbacks, count_poses
from posealign_core.recover import PoseNoise
from posealign_core.structures import AlignedSample, AlignSettings, EgoPose, Query
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from pathlib import Path

RECOVERED = toy_queries(annotated=False)


def fingerprint(sample: AlignedSample) -> tuple[str, bytes, bytes]:
    return (
        sample.query.query_id,
        sample.scene.points.tobytes(),
        sample.input_from_world.matrix.tobytes(),
    )


def fingerprints(pipeline: QueryPipeline, queries: list[Query]) -> set[tuple[str, bytes, bytes]]:
    return {fingerprint(pipeline.sample(query, epoch)) for query in queries for epoch in (0, 1)}


def _in_another_process(packed: bytes, results: multiprocessing.Queue) -> None:
    pipeline: QueryPipeline = pickle.loads(packed)
    results.put(fingerprints(pipeline, list(pipeline.queries)))


def test_the_order_and_the_cache_do_not_matter(tmp_path: Path) -> None:
    forward = fingerprints(toy_pipeline(tmp_path, RECOVERED), RECOVERED)
    small = toy_pipeline(tmp_path, RECOVERED, cache_mib=0)
    assert fingerprints(small, RECOVERED[::-1]) == forward


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12, with threads
def test_another_process_makes_the_same_samples(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path, RECOVERED[:6])
    here = fingerprints(pipeline, RECOVERED[:6])
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=_in_another_process, args=(pickle.dumps(pipeline), results))
    process.start()
    assert results.get(timeout=60) == here
    process.join()


def test_a_pickled_pipeline_leaves_host_and_scans_behind(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path, RECOVERED)
    fingerprints(pipeline, RECOVERED)
    fresh = len(pickle.dumps(toy_pipeline(tmp_path, RECOVERED)))
    assert len(pickle.dumps(pipeline)) < fresh + 100  # the data set counts what it reads
    again: QueryPipeline = pickle.loads(pickle.dumps(pipeline))
    assert "toy" in again.host.backbones


def test_poses_are_drawn_anew_in_each_epoch_and_for_each_seed(tmp_path: Path) -> None:
    def frames(seed: int, epoch: int) -> list[str | None]:
        pipeline = toy_pipeline(tmp_path, RECOVERED, seed=seed)
        poses = [pipeline.pose(query, epoch) for query in RECOVERED]
        return [pose.frame_id for pose in poses if pose is not None]

    assert frames(0, 0) == frames(0, 0)
    assert frames(0, 0) != frames(0, 1)
    assert frames(0, 0) != frames(1, 0)
    assert set(frames(0, 0)) == {"0", "1", "2", "3"}


def test_noise_turns_and_shifts_the_chosen_poses_within_its_bounds(tmp_path: Path) -> None:
    exact = toy_pipeline(tmp_path, RECOVERED)
    noisy = toy_pipeline(tmp_path, RECOVERED, noise=PoseNoise(yaw_deg=10, shift_m=0.1))
    for query in RECOVERED:
        chosen, disturbed = exact.pose(query, 0), noisy.pose(query, 0)
        assert chosen is not None
        assert disturbed is not None
        assert (chosen.frame_id, chosen.perturbed) == (disturbed.frame_id, False)
        assert disturbed.perturbed
        a, b = chosen.reference_from_camera, disturbed.reference_from_camera
        assert 0 < np.abs(a.translation - b.translation).max() <= 0.1
        turn = np.degrees(np.arccos((np.trace(a.rotation.T @ b.rotation) - 1) / 2))
        assert 0 < turn <= 10
        np.testing.assert_array_equal(b.matrix, noisy.pose(query, 0).reference_from_camera.matrix)


def test_transform_moves_the_scene_into_the_ego_frame(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    left, right = (pipeline.sample(query, 0) for query in pipeline.queries[:2])
    assert left.scene.objects is not None
    assert right.scene.objects is not None
    assert left.scene.objects.centers[0, 1] > 0 > right.scene.objects.centers[0, 1]


def test_without_modes_no_pose_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()  # and no tables in it
    pipeline = toy_pipeline(tmp_path, RECOVERED, AlignSettings())
    sample = pipeline.sample(RECOVERED[0], 0)
    assert sample.pose is None
    assert np.array_equal(sample.scene.points, ToyDataset(tmp_path).scene("s0").points)


def test_samples_in_a_row_from_equal_poses_share_their_scene(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    first, again, other = (pipeline.sample(pipeline.queries[i], 0) for i in (0, 2, 1))
    assert first.scene is again.scene
    assert first.scene is not other.scene
    plain = toy_pipeline(tmp_path, settings=AlignSettings())
    assert plain.sample(plain.queries[0], 0).scene is plain.sample(plain.queries[1], 0).scene


def test_a_view_is_what_scan_and_pose_have_in_common(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    first, other, again = (pipeline.view(pipeline.queries[i], 0) for i in (0, 1, 2))
    assert first == again
    assert first != other
    plain = toy_pipeline(tmp_path, settings=AlignSettings())
    assert plain.view(plain.queries[0], 0) == plain.view(plain.queries[1], 0)


def test_each_scan_is_read_once_while_it_is_kept(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    fingerprints(pipeline, list(pipeline.queries))
    dataset = pipeline.dataset
    assert isinstance(dataset, ToyDataset)
    assert dataset.n_read == 6
    one = toy_pipeline(tmp_path, cache_mib=0)
    fingerprints(one, [q for q in one.queries if q.query_id.endswith("-0")] * 2)
    assert isinstance(one.dataset, ToyDataset)
    assert one.dataset.n_read == 12


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    next((tmp_path / "tables").glob("*s0*")).unlink()
    with pytest.raises(PoseNotFoundError, match="posealign recover"):
        pipeline.sample(pipeline.queries[0], 0)
    pipeline.sample(pipeline.queries[-1], 0)


def test_an_unknown_scan_is_an_error(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    lost = toy_queries(n_scenes=8)[-1]
    with pytest.raises(SceneNotFoundError, match="s7"):
        pipeline.sample(lost, 0)


def test_poses_are_counted_by_source() -> None:
    poses = [
        EgoPose(reference_from_camera=camera(0), intrinsics=CAMERA, source=source)
        for source in (PoseSource.FALLBACK, PoseSource.ANNOTATED, PoseSource.FALLBACK)
    ]
    assert count_poses([*poses, None]) == {"annotated": 1, "fallback": 2, "none": 1}


def test_fallbacks_are_counted_by_reason() -> None:
    reasons = ("no frame sees object 7", "", "no target", "no frame sees object 12")
    poses = [
        EgoPose(
            reference_from_camera=camera(0),
            intrinsics=CAMERA,
            source=PoseSource.FALLBACK,
            fallback_reason=reason,
        )
        for reason in reasons
    ]
    assert count_fallbacks([*poses, None]) == {"no frame sees object #": 2, "no target": 1}
