from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.align import (
    align_sample,
    answer_to_prediction,
    ego_from_reference,
    policy_of,
    pose_text,
)
from posealign_core.align.embed import ego_features
from posealign_core.backbone import RawAnswer
from posealign_core.errors import PoseNotFoundError
from posealign_core.geometry import (
    SCANNET_CONSTANT,
    Frame,
    RigidTransform,
    aabb_from_corners,
    corners_from_aabb,
)
from posealign_core.host import PluginHost, build_host
from posealign_core.structures import (
    AlignedSample,
    AlignSettings,
    EgoPose,
    ObjectTable,
    Query,
    Region,
    Scene,
)
from posealign_core.vocabulary import AlignMode, EgoFrame, Fidelity, PoseSource, TaskKind

# The pose and points of 3d_llava spec 10.4.
ANCHOR = [
    [0.955421, -0.196283, 0.220542, 2.5],
    [-0.295248, -0.623, 0.724, 1.25],
    [0.002, -0.757, -0.653, 1.5],
    [0, 0, 0, 1],
]
ANCHOR_POINTS = [[3, 2, 0.8], [2, 0.5, 1.2], [2.7, 2.2, 0.6]]
ANCHOR_FLU = [
    [1.112364, -0.259543, 0.034154],
    [-0.458821, 0.254829, -0.791414],
    [1.320263, 0.085197, -0.049799],
]
ANCHOR_EMBED = [
    [0.25954, -0.03415, 1.11236, 0.70926, 0.46910, 1],
    [-0.25483, 0.79141, -0.45882, -1, -1, 0],
    [-0.08520, 0.04980, 1.32026, 0.44045, 0.55160, 1],
]


def camera(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """RDF camera-to-world rotation: heading `yaw` from +x, nose up by `pitch`, then rolled."""
    heading = np.array(
        [[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    nose = np.array(
        [[math.cos(pitch), 0, -math.sin(pitch)], [0, 1, 0], [math.sin(pitch), 0, math.cos(pitch)]]
    )
    bank = np.array(
        [[1, 0, 0], [0, math.cos(roll), -math.sin(roll)], [0, math.sin(roll), math.cos(roll)]]
    )
    flu_from_rdf = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    return heading @ nose @ bank @ flu_from_rdf


def pose(rotation: np.ndarray, position: tuple[float, float, float] = (0, 0, 0)) -> EgoPose:
    m = np.eye(4)
    m[:3, :3] = rotation
    m[:3, 3] = position
    return EgoPose(
        reference_from_camera=RigidTransform(m, Frame.WORLD, Frame.CAMERA),
        intrinsics=SCANNET_CONSTANT,
        source=PoseSource.USER,
    )


def anchor_pose() -> EgoPose:
    return pose(np.array(ANCHOR)[:3, :3], (2.5, 1.25, 1.5))


def scene(points: object = ANCHOR_POINTS) -> Scene:
    boxes = np.array([[3.0, 2.0, 0.8, 0.2, 0.3, 0.4]])
    objects = ObjectTable(
        object_ids=np.array([0]),
        labels=("chair",),
        centers=boxes[:, :3],
        corners=corners_from_aabb(boxes),
    )
    return Scene(scene_id="s", frame=Frame.WORLD, points=np.array(points, float), objects=objects)


QUERY = Query(
    query_id="q",
    benchmark="b",
    split="val",
    scene_id="s",
    kind=TaskKind.ANSWER,
    text="?",
    region=Region(click=np.array([3.0, 2.0, 0.8])),
)


@pytest.fixture(scope="module")
def host() -> PluginHost:
    return build_host(entry_points=False)


def aligned(host: PluginHost, ego: EgoPose | None, **settings: object) -> AlignedSample:
    return align_sample(host, "any", QUERY, scene(), ego, AlignSettings(**settings))  # type: ignore[arg-type]


TRANSFORM = frozenset({AlignMode.TRANSFORM})
PROMPT = frozenset({AlignMode.PROMPT})
EMBED = frozenset({AlignMode.EMBED})


def test_transform_matches_the_published_anchor(host: PluginHost) -> None:
    sample = aligned(host, anchor_pose(), modes=TRANSFORM)
    np.testing.assert_allclose(sample.scene.points, ANCHOR_FLU, atol=2e-6)
    assert sample.region is not None
    np.testing.assert_allclose(sample.region.click, ANCHOR_FLU[0], atol=2e-6)


def test_embed_matches_the_published_anchor() -> None:
    features = ego_features(torch.tensor(ANCHOR_POINTS, dtype=torch.float32), anchor_pose())
    torch.testing.assert_close(features, torch.tensor(ANCHOR_EMBED), atol=2e-5, rtol=0)


def test_released_prompt_matches_the_published_example(host: PluginHost) -> None:
    m = np.array(
        [
            [0.955421, -0.196283, 0.220542],
            [-0.295248, -0.623, 0.724],
            [0.002, -0.757, -0.653],
        ]
    )
    ego = pose(m, (1.234567, -0.1, 12.5))
    sample = aligned(host, ego, modes=PROMPT, fidelity=Fidelity.RELEASED)
    assert pose_text(sample) == (
        "position [ 1.234567 -0.1      12.5     ], front: [ 0.220542  0.724    -0.653   ], "
        "left: [-0.955421  0.295248 -0.002   ], up: [0.196283 0.623    0.757   ]"
    )


def test_prompt_has_a_fixed_number_format(host: PluginHost) -> None:
    sample = aligned(host, pose(camera(math.pi / 2), (1.005, -0.001, 1.5)), modes=PROMPT)
    assert pose_text(sample) == (
        "I stand at (1.00, 0.00, 1.50) and face (0.00, 1.00, 0.00); "
        "my left is (-1.00, 0.00, 0.00) and up is (0.00, 0.00, 1.00)."
    )


def test_prompt_follows_the_coordinates(host: PluginHost) -> None:
    sample = aligned(host, pose(camera(0.0), (1, 2, 1.5)), modes=PROMPT)
    shift = np.eye(4)
    shift[:3, 3] = [-1, -2, 0]
    assert sample.pose is not None
    moved = sample.pose.moved(RigidTransform(shift, Frame.INPUT, Frame.INPUT))
    assert pose_text(sample, moved).startswith("I stand at (0.00, 0.00, 1.50)")


def test_transform_then_prompt_states_the_origin(host: PluginHost) -> None:
    sample = aligned(host, anchor_pose(), modes=TRANSFORM | PROMPT)
    assert pose_text(sample).startswith("I stand at (0.00, 0.00, 0.00) and face (1.00, 0.00, 0.00)")


def test_without_modes_no_pose_reaches_the_sample(host: PluginHost) -> None:
    sample = aligned(host, anchor_pose(), modes=frozenset())
    assert sample.pose is None
    np.testing.assert_array_equal(sample.scene.points, scene().points)


def test_modes_need_a_pose(host: PluginHost) -> None:
    with pytest.raises(PoseNotFoundError, match="need an ego pose"):
        aligned(host, None, modes=TRANSFORM)


angles = st.floats(-math.pi, math.pi)
tilts = st.floats(-1.2, 1.2)


@given(yaw=angles, pitch=tilts, roll=angles)
def test_level_keeps_the_heading_and_drops_pitch_and_roll(
    yaw: float, pitch: float, roll: float
) -> None:
    ego = ego_from_reference(pose(camera(yaw, pitch, roll)), (0, 0, 1), EgoFrame.LEVEL)
    expected = ego_from_reference(pose(camera(yaw)), (0, 0, 1), EgoFrame.CAMERA)
    np.testing.assert_allclose(ego.matrix, expected.matrix, atol=1e-7)


@given(yaw=angles, pitch=tilts)
def test_camera_frame_sees_its_own_axis_ahead(yaw: float, pitch: float) -> None:
    ego_pose = pose(camera(yaw, pitch), (1, 2, 3))
    ahead = ego_pose.reference_from_camera.apply([0, 0, 2.0])
    ego = ego_from_reference(ego_pose, (0, 0, 1), EgoFrame.CAMERA)
    np.testing.assert_allclose(ego.apply(ahead), [2, 0, 0], atol=1e-9)


@pytest.mark.parametrize("pitch", [math.pi / 2, -math.pi / 2], ids=["straight up", "straight down"])
def test_level_has_a_heading_when_the_camera_looks_along_gravity(pitch: float) -> None:
    yaw = 0.6
    ego = ego_from_reference(pose(camera(yaw, pitch)), (0, 0, 1), EgoFrame.LEVEL)
    np.testing.assert_allclose(ego.apply([math.cos(yaw), math.sin(yaw), 0]), [1, 0, 0], atol=1e-7)


def test_level_works_with_any_up_axis() -> None:
    world_from_zup = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    ego = ego_from_reference(
        pose(world_from_zup @ camera(0.3, 0.4, 1.5)), (0, 1, 0), EgoFrame.LEVEL
    )
    expected = ego_from_reference(pose(camera(0.3)), (0, 0, 1), EgoFrame.CAMERA)
    np.testing.assert_allclose(ego.rotation, expected.rotation @ world_from_zup.T, atol=1e-9)


@pytest.mark.parametrize("ego_frame", EgoFrame)
@given(yaw=angles, pitch=tilts, roll=angles, world_yaw=angles)
def test_moving_world_and_camera_together_changes_nothing(
    host: PluginHost,
    ego_frame: EgoFrame,
    yaw: float,
    pitch: float,
    roll: float,
    world_yaw: float,
) -> None:
    turn = np.eye(4)
    turn[:2, :2] = [
        [math.cos(world_yaw), -math.sin(world_yaw)],
        [math.sin(world_yaw), math.cos(world_yaw)],
    ]
    turn[:3, 3] = [3, -2, 1]
    move = RigidTransform(turn, Frame.WORLD, Frame.WORLD)
    ego, here = pose(camera(yaw, pitch, roll), (0.5, 0.25, 1.5)), scene()
    settings = AlignSettings(modes=TRANSFORM, ego_frame=ego_frame)
    plain = Query(
        query_id="q", benchmark="b", split="val", scene_id="s", kind=TaskKind.ANSWER, text="?"
    )
    before = align_sample(host, "any", plain, here, ego, settings)
    after = align_sample(host, "any", plain, here.moved(move), ego.moved(move), settings)
    np.testing.assert_allclose(after.scene.points, before.scene.points, atol=1e-9)
    features = [
        ego_features(torch.from_numpy(s.points.copy()), p)
        for s, p in ((here, ego), (here.moved(move), ego.moved(move)))
    ]
    torch.testing.assert_close(features[1][:, :3], features[0][:, :3], atol=1e-4, rtol=0)


def test_boxes_and_pose_return_to_the_world(host: PluginHost) -> None:
    sample = aligned(host, anchor_pose(), modes=TRANSFORM)
    assert sample.scene.objects is not None
    answer = RawAnswer(
        text="here",
        corners=sample.scene.objects.corners,
        masks=np.array([[True, False, True]]),
    )
    prediction = answer_to_prediction(answer, sample)
    np.testing.assert_allclose(
        aabb_from_corners(prediction.corners), [[3.0, 2.0, 0.8, 0.2, 0.3, 0.4]], atol=1e-9
    )
    assert prediction.masks[0].decode().tolist() == [True, False, True]
    assert prediction.pose is not None
    np.testing.assert_allclose(
        prediction.pose.reference_from_camera.matrix,
        anchor_pose().reference_from_camera.matrix,
        atol=1e-6,
    )


def test_an_answer_without_boxes_gives_none(host: PluginHost) -> None:
    sample = aligned(host, None, modes=frozenset())
    assert answer_to_prediction(RawAnswer(text="yes"), sample).corners.shape == (0, 8, 3)


@pytest.mark.parametrize("fidelity", Fidelity)
@pytest.mark.parametrize("mode", AlignMode)
def test_posed_runs_never_flip_unless_the_release_did(mode: AlignMode, fidelity: Fidelity) -> None:
    policy = policy_of(AlignSettings(modes=frozenset({mode}), fidelity=fidelity))
    released_baseline = fidelity is Fidelity.RELEASED and mode is not AlignMode.TRANSFORM
    assert policy.flip is released_baseline
    assert policy.dropout


def test_combined_modes_allow_only_what_both_allow() -> None:
    both = policy_of(AlignSettings(modes=TRANSFORM | EMBED))
    assert both == policy_of(AlignSettings(modes=TRANSFORM)) & policy_of(AlignSettings(modes=EMBED))
    assert not both.scale
    assert policy_of(AlignSettings(modes=EMBED)).scale


def test_points_behind_and_outside_are_marked() -> None:
    ego = pose(camera(0.0))
    coords = torch.tensor([[-1.0, 0, 0], [1.0, 5.0, 0], [2.0, 0, 0]])
    features = ego_features(coords, ego)
    assert features[:, 5].tolist() == [0, 0, 1]
    assert features[:2, 3:5].unique().tolist() == [-1]
    torch.testing.assert_close(
        features[2, 3:5], torch.tensor([646.295044 / 1296, 489.927032 / 968])
    )


def test_embed_keeps_float32_for_half_precision_coordinates() -> None:
    assert (
        ego_features(torch.zeros(1, 3, dtype=torch.bfloat16), anchor_pose()).dtype == torch.float32
    )
