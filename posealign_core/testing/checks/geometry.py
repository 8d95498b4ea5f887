"""What makes a backbone direction-aware: frames, poses, policies, and the way back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, RigidTransform
from posealign_core.structures import EgoPose
from posealign_core.testing.check import claims, conformance_check, demand
from posealign_core.testing.compare import changed_entries, common_entries, differences, flatten
from posealign_core.testing.probes import (
    NOTHING_ALLOWED,
    at_one_place,
    move_world,
    scene_at,
    with_scene_moved,
)
from posealign_core.testing.toy_scenes import CAMERA, look_at, pose_towards, toy_scene
from posealign_core.vocabulary import AlignMode, EgoFrame, PoseSource

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample, Scene
    from posealign_core.testing.subject import Subject


@conformance_check(only_if=claims(AlignMode.TRANSFORM))
def check_world_gauge_invariance(subject: Subject) -> None:
    """In transform mode, moving the world and its cameras together leaves the input unchanged."""
    pose, scene = pose_towards(0.3), toy_scene()
    for query in subject.queries():
        moved_query, moved_scene, moved_pose = move_world(query, scene, pose)
        for ego_frame in EgoFrame:
            here = subject.sample(
                AlignMode.TRANSFORM, query=query, scene=scene, pose=pose, ego_frame=ego_frame
            )
            there = subject.sample(
                AlignMode.TRANSFORM,
                query=moved_query,
                scene=moved_scene,
                pose=moved_pose,
                ego_frame=ego_frame,
            )
            for train in (False, True):
                found = differences(
                    subject.encode(here, train=train), subject.encode(there, train=train)
                )
                demand(
                    not found,
                    f"{query.kind.value}, ego frame {ego_frame.value}, train={train}: the input "
                    f"depends on the choice of WORLD: {found}",
                )


@conformance_check()
def check_no_mode_ignores_pose(subject: Subject) -> None:
    """With an empty mode set the plain pipeline is untouched by any pose."""
    sample = dataclasses.replace(subject.sample(), pose=None)
    plain = subject.encode(sample)
    for heading in (0.3, 2.0):
        pose = pose_towards(heading)
        through_core = subject.sample(pose=pose)
        in_frame = pose.moved(sample.input_from_world)
        handed_over = dataclasses.replace(sample, pose=in_frame)
        for posed in (through_core, handed_over):
            found = differences(plain, subject.encode(posed))
            demand(not found, f"without any mode, the pose changes the input: {found}")


@conformance_check()
def check_pose_reaches_input(subject: Subject) -> None:
    """Each claimed mode changes the input when the pose changes."""
    for mode in sorted(subject.spec.tags.modes):
        one, other = (subject.sample(mode, pose=pose_towards(h)) for h in (0.3, 2.0))
        found = differences(subject.encode(one), subject.encode(other))
        demand(found, f"mode {mode.value!r}: two different poses give the same input")


@conformance_check(only_if=claims(AlignMode.TRANSFORM))
def check_ego_axes(subject: Subject) -> None:
    """In transform mode, what is ahead, left and above of the asker lies at +x, +y and +z."""
    ahead, left = np.array([0.6, 0.8, 0.0]), np.array([-0.8, 0.6, 0.0])
    eye, above = np.array([2.0, -1.0, 1.5]), np.array([0.0, 0.0, 1.0])
    pose = EgoPose(
        reference_from_camera=look_at(eye, eye + ahead), intrinsics=CAMERA, source=PoseSource.USER
    )
    for ego_frame in EgoFrame:
        for row, direction in enumerate((ahead, left, above)):
            scene = scene_at(eye + 2 * direction)
            sample = subject.sample(
                AlignMode.TRANSFORM, scene=scene, pose=pose, ego_frame=ego_frame
            )
            place = (
                np.zeros((0, 3)) if sample.scene.objects is None else sample.scene.objects.centers
            )
            demand(
                np.allclose(place, 2 * np.eye(3)[row], atol=1e-6)
                and np.allclose(sample.scene.points, place, atol=1e-6),
                f"ego frame {ego_frame.value}: an object 2 m {('ahead', 'left', 'above')[row]} "
                f"lies at {place.round(3).tolist()}",
            )


@conformance_check()
def check_policy_is_respected(subject: Subject) -> None:
    """What the policy forbids does not happen: no turn, mirror, scaling, shift or re-alignment.

    What a draw leaves out, one of several prompts for example, has not moved.
    """
    sample = dataclasses.replace(
        at_one_place(subject.sample(*subject.spec.tags.modes)), policy=NOTHING_ALLOWED
    )
    plain = subject.encode(sample, train=True)
    places = changed_entries(plain, subject.encode(with_scene_moved(sample), train=True))
    demand(
        places,
        "moving the scene changes nothing in the input: its place is not read, or it is centred "
        "against the policy",
    )
    for seed in range(1, 6):
        drawn = subject.encode(sample, train=True, seed=seed)
        kept = {path for path, part in flatten(drawn).items() if part is not None}
        moved = [p for p in common_entries(places, changed_entries(plain, drawn)) if p in kept]
        demand(not moved, f"with every step forbidden, training draws move {moved}")
    turned = RigidTransform(np.diag([-1.0, -1.0, 1.0, 1.0]), Frame.AXIS_ALIGNED, Frame.AXIS_ALIGNED)
    realigned = dataclasses.replace(
        sample,
        scene=dataclasses.replace(
            sample.scene, aligned_from_world=turned @ sample.scene.aligned_from_world
        ),
    )
    found = differences(plain, subject.encode(realigned, train=True))
    demand(not found, f"with axis_align forbidden, the alignment matrix still changes {found}")


@conformance_check(only_if=claims(AlignMode.EMBED))
def check_embed_shares_frame(subject: Subject) -> None:
    """In embed mode, the pose and the token coordinates handed to `embed_pose` are in one frame."""
    pose, scene = pose_towards(0.3), toy_scene(background=False)
    for modes in ({AlignMode.EMBED}, subject.spec.tags.modes):
        sample = subject.sample(*modes, scene=scene, pose=pose)
        seen = _embedded_coords(subject, sample)
        demand(seen, "embed mode never calls `embed_pose`")
        for camera_coords in seen:
            far = _distance_to_scene(pose.reference_from_camera.apply(camera_coords), scene)
            demand(
                (far < 0.4).all(),
                f"modes {sorted(mode.value for mode in modes)}: seen from the pose, tokens lie up "
                f"to {far.max():.2f} m from any object: coordinates and pose are in different "
                "frames",
            )


def _embedded_coords(subject: Subject, sample: AlignedSample) -> list[NDArray[np.float64]]:
    """Camera-frame coordinates (T, 3) of the tokens of each call to `embed_pose`.

    Three training steps with different draws of every allowed rigid step, and one answer.
    """
    model = subject.model()
    plain = model.embed_pose
    seen: list[NDArray[np.float64]] = []

    def record(coords: torch.Tensor, pose: EgoPose) -> torch.Tensor:
        features = plain(coords, pose)
        seen.append(features[:, :3].detach().double().cpu().numpy())
        return features

    model.embed_pose = record
    rigid = dataclasses.replace(sample.policy, scale=False)
    for seed in range(3):
        model(subject.batch([dataclasses.replace(sample, policy=rigid)], train=True, seed=seed))
    subject.answer(model, [sample])
    return seen


def _distance_to_scene(places: NDArray[np.float64], scene: Scene) -> NDArray[np.float64]:
    gaps: NDArray[np.float64] = np.linalg.norm(places[:, None] - scene.points[None], axis=2)
    nearest: NDArray[np.float64] = gaps.min(axis=1)
    return nearest
