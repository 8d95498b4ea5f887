"""What each mode does to places and features (specification sections 9 and 12)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.encode.placement import place
from posealign_chat_scene.objects.proposals import own_objects
from posealign_core.align import ego_from_reference, pose_text
from posealign_core.align.embed import ego_features
from posealign_core.errors import BackboneError, PoseAlignWarning
from posealign_core.geometry import Frame, RigidTransform
from posealign_core.structures import EgoPose
from posealign_core.testing.toy_scenes import CAMERA, pose_towards, toy_scene
from posealign_core.vocabulary import AlignMode, EgoFrame, PoseSource

from .samples import encoded, sample_of, tiny

EMBED, TRANSFORM, PROMPT = AlignMode.EMBED, AlignMode.TRANSFORM, AlignMode.PROMPT


def scene_batch(*samples, config=None):
    config = config or tiny()
    torch.manual_seed(0)
    encoder, backbone = ChatSceneEncoder(config), ChatSceneBackbone(config)
    batch = encoder.collate([encoded(sample, config=config) for sample in samples])
    return backbone._scene(batch), backbone


@pytest.mark.parametrize("ego_frame", list(EgoFrame))
def test_embedded_places_are_those_of_transform(ego_frame):
    embedded, _ = scene_batch(sample_of(EMBED, ego_frame=ego_frame))
    moved, _ = scene_batch(sample_of(TRANSFORM, ego_frame=ego_frame))
    assert torch.allclose(embedded.centers, moved.centers, atol=1e-5)
    assert torch.equal(embedded.points, moved.points)
    assert torch.equal(embedded.images, moved.images)


def test_ego_places_by_the_specification_s_formula():
    u = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    scene, pose = toy_scene(), pose_towards(0.3)
    m = u @ np.linalg.inv(scene.aligned_from_world.matrix @ pose.reference_from_camera.matrix)
    aligned = scene.aligned_from_world.apply(scene.objects.centers)
    wanted = aligned @ m[:3, :3].T + m[:3, 3]
    found, _ = scene_batch(sample_of(EMBED))
    assert np.allclose(found.centers[0, :4], wanted, atol=1e-5)


def test_without_a_mode_places_do_not_depend_on_the_pose():
    one, other = (scene_batch(sample_of(pose=pose_towards(h)))[0] for h in (0.3, 2.0))
    assert torch.equal(one.centers, other.centers)


def aligned_pose(yaw: float, place=(0.0, 0.0, 0.0)) -> EgoPose:
    """A level camera that looks along a direction of the room's axes."""
    c, s = np.cos(yaw), np.sin(yaw)
    axes = np.column_stack([[s, -c, 0], [0, 0, -1.0], [c, s, 0]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = axes, place
    world_from_room = toy_scene().aligned_from_world.inverse()
    return EgoPose(
        reference_from_camera=world_from_room
        @ RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.CAMERA),
        intrinsics=CAMERA,
        source=PoseSource.USER,
    )


def test_looking_along_x_changes_nothing_and_back_negates_x_and_y():
    plain, _ = scene_batch(sample_of())
    along, _ = scene_batch(sample_of(EMBED, pose=aligned_pose(0.0)))
    back, _ = scene_batch(sample_of(EMBED, pose=aligned_pose(np.pi)))
    assert torch.allclose(along.centers, plain.centers, atol=1e-5)
    assert torch.allclose(back.centers, plain.centers * torch.tensor([-1, -1, 1]), atol=1e-5)


def test_a_shifted_asker_changes_metric_places_and_not_stretched_ones():
    for channel, same in (("fourier_minmax", True), ("fourier_metric", False)):
        config = tiny(network={"channel": channel})
        tokens = [
            backbone.network.object_tokens(scene)
            for pose in (aligned_pose(0.4), aligned_pose(0.4, (1.0, -0.5, 0.3)))
            for scene, backbone in [scene_batch(sample_of(EMBED, pose=pose), config=config)]
        ]
        assert torch.allclose(*tokens, atol=1e-5) is same


def test_an_identity_pose_and_a_silent_channel_give_the_pose_free_model():
    heard, backbone = scene_batch(sample_of(EMBED, pose=aligned_pose(0.0)))
    torch.nn.init.zeros_(backbone.network.pos_proj[0].weight)
    torch.nn.init.zeros_(backbone.network.pos_proj[0].bias)
    deaf = ChatSceneBackbone(tiny(network={"channel": "none"}))
    deaf.network.load_state_dict(backbone.network.state_dict())
    assert torch.equal(deaf.network.object_tokens(heard), backbone.network.object_tokens(heard))


@pytest.mark.parametrize("mode", [EMBED, TRANSFORM])
def test_modes_that_have_no_effect_say_so(mode):
    config = tiny(network={"channel": "none"})
    with pytest.warns(PoseAlignWarning, match=f"{mode.value} mode has no effect"):
        encoded(sample_of(mode), config=config)


def test_six_numbers_beside_each_object():
    config = tiny(network={"channel": "none", "ego_features": True}, embed="features")
    scene, _ = scene_batch(sample_of(EMBED), sample_of(), config=config)
    room = toy_scene()
    aligned = torch.from_numpy(room.aligned_from_world.apply(room.objects.centers)).float()
    pose = pose_towards(0.3).moved(room.aligned_from_world)
    assert torch.allclose(scene.ego[0, :4], ego_features(aligned, pose), atol=1e-4)
    assert not scene.ego[0, 4:].any()
    assert not scene.ego[1].any()


def test_six_numbers_without_room_for_them():
    with pytest.raises(BackboneError, match="ego_features"):
        scene_batch(sample_of(EMBED), config=tiny(embed="features"))


def test_re_extracted_features_turn_with_the_asker_and_2d_ones_do_not():
    config = tiny(objects={"features": "tiny", "reextract": "exact"})
    plain, _ = scene_batch(sample_of(), config=config)
    turned, _ = scene_batch(sample_of(TRANSFORM), config=config)
    frozen, _ = scene_batch(sample_of(TRANSFORM))
    assert torch.allclose(frozen.points, plain.points, atol=1e-5)
    assert not torch.allclose(turned.points, plain.points, atol=1e-3)
    assert torch.allclose(turned.images, plain.images, atol=1e-5)


def test_a_shift_alone_re_extracts_the_same():
    config = tiny(objects={"features": "tiny", "reextract": "exact"})
    plain, _ = scene_batch(sample_of(), config=config)
    pose = aligned_pose(0.0, (0.5, -1.0, 0.2))
    moved, _ = scene_batch(sample_of(TRANSFORM, pose=pose), config=config)
    assert torch.allclose(moved.points, plain.points, atol=1e-3)


def box_middle(points):
    return (points.min(0) + points.max(0)) / 2


@pytest.mark.parametrize("ego_frame", list(EgoFrame))
@pytest.mark.parametrize("mode", [TRANSFORM, EMBED])
def test_places_of_points_are_middles_of_boxes_in_the_ego_frame(mode, ego_frame):
    sample = sample_of(mode, ego_frame=ego_frame)
    config = tiny(objects={"places": "points"})
    placed, _ = scene_batch(sample, config=config)
    scene, pose = toy_scene(), pose_towards(0.3)
    points = ego_from_reference(pose, scene.up, ego_frame).apply(scene.points)
    ids = scene.objects.object_ids
    wanted = [box_middle(points[scene.instance_ids == i]) for i in ids]
    assert np.allclose(placed.centers[0, : len(ids)], wanted, atol=1e-4)


def test_moved_corners_have_the_middle_of_the_moved_centre():
    scene, pose = toy_scene(), pose_towards(0.3)
    ego = ego_from_reference(pose, scene.up, EgoFrame.CAMERA)
    corners = ego.apply(scene.objects.corners.reshape(-1, 3)).reshape(-1, 8, 3)
    middles = [box_middle(own) for own in corners]
    centers = ego.apply(scene.objects.corners.mean(axis=1))
    assert np.allclose(middles, centers, atol=1e-9)


def test_an_object_without_points_keeps_the_middle_of_its_box():
    sample = sample_of()
    ids = sample.scene.instance_ids.copy()
    ids[ids == sample.scene.objects.object_ids[1]] = -1
    sample = replace(sample, scene=replace(sample.scene, instance_ids=ids))
    config = tiny(objects={"places": "points"})
    of_boxes, of_points = (place(sample, own_objects(sample), c).centers for c in (tiny(), config))
    assert np.array_equal(of_boxes[1], of_points[1])
    assert np.isfinite(of_points).all()


def test_the_pose_in_words_is_in_the_frame_of_places():
    sample = sample_of(PROMPT)
    encoder = ChatSceneEncoder(tiny())
    placed = place(sample, own_objects(sample), tiny())
    asked = encoder._dialogue.question(sample, placed.pose, None, train=False)
    camera = (toy_scene().aligned_from_world @ pose_towards(0.3).reference_from_camera).translation
    assert asked.startswith(pose_text(sample, placed.pose) + " ")
    assert "({:.2f}, {:.2f}, {:.2f})".format(*camera) in asked
