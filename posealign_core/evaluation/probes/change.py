"""Ways to put a question otherwise: in another world, from another pose, in other words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.evaluation.mirror import mirrored
from posealign_core.geometry import (
    Frame,
    RigidTransform,
    move_corners,
    reflection_of,
    rotation_about,
)
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import EgoPose, Prediction, Query, Region, Scene

__all__ = ["Change", "Reflected", "TurnedPose", "TurnedWorld", "WithoutWords", "reflected_pose"]

_CAMERA_FLIP = np.diag([-1.0, 1.0, 1.0])
# Corners run along x fastest: with these places swapped, a reflected box is right-handed again.
_CORNERS_REFLECTED = [1, 0, 3, 2, 5, 4, 7, 6]
_SILENT = {
    TaskKind.ANSWER: "What is the answer?",
    TaskKind.GROUND: "It is here.",
    TaskKind.SELECT: "It is here.",
}


class Change:
    """Nothing is changed; subclasses override what they change. Picklable.

    The pose is recovered as ever, in the scan as it is, and changed afterwards.
    """

    def scene(self, scene: Scene) -> Scene:
        """The changed scene, in WORLD.

        Args:
            scene: The scan, in WORLD.
        """
        return scene

    def pose(self, pose: EgoPose, scene: Scene) -> EgoPose:
        """The changed pose, in WORLD.

        Args:
            pose: The pose, in WORLD.
            scene: The unchanged scan, in WORLD.
        """
        del scene
        return pose

    def query(self, query: Query, scene: Scene) -> Query:
        """The changed question, with its region and annotated pose in the changed world.

        Args:
            query: The question.
            scene: The unchanged scan, in WORLD.
        """
        del scene
        return query

    def restored(self, answer: Prediction, scene: Scene) -> Prediction:
        """An answer from the changed world as it reads in the unchanged one.

        Args:
            answer: In the changed world.
            scene: The unchanged scan, in WORLD.
        """
        del scene
        return answer


@dataclass(frozen=True)
class TurnedWorld(Change):
    """The scan and the pose turned together about the up axis; what is left stays left.

    The data set's alignment with the axes is not turned along: a model that goes by the axes sees
    another room.

    Attributes:
        degrees: How far, counter-clockwise seen from above.
    """

    degrees: float

    def scene(self, scene: Scene) -> Scene:
        """See the base class."""
        return scene.moved(self._turn(scene))

    def pose(self, pose: EgoPose, scene: Scene) -> EgoPose:
        """See the base class."""
        return pose.moved(self._turn(scene))

    def query(self, query: Query, scene: Scene) -> Query:
        """See the base class."""
        turn, asker = self._turn(scene), query.annotated_pose
        return replace(
            query,
            region=None if query.region is None else query.region.moved(turn),
            annotated_pose=None if asker is None else turn @ asker,
        )

    def restored(self, answer: Prediction, scene: Scene) -> Prediction:
        """See the base class; boxes are turned back."""
        back = self._turn(scene).inverse()
        return replace(answer, corners=move_corners(back, answer.corners))

    def _turn(self, scene: Scene) -> RigidTransform:
        matrix = np.eye(4)
        matrix[:3, :3] = rotation_about(scene.up, np.radians(self.degrees))
        return RigidTransform(matrix, Frame.WORLD, Frame.WORLD)


@dataclass(frozen=True)
class TurnedPose(Change):
    """The asker turns on the spot; at 180 degrees, what was left is right.

    Attributes:
        degrees: How far, counter-clockwise seen from above.
    """

    degrees: float

    def pose(self, pose: EgoPose, scene: Scene) -> EgoPose:
        """See the base class."""
        old, matrix = pose.reference_from_camera, np.eye(4)
        matrix[:3, :3] = rotation_about(scene.up, np.radians(self.degrees)) @ old.rotation
        matrix[:3, 3] = old.translation
        turned = RigidTransform(matrix, old.target, old.source)
        return replace(pose, reference_from_camera=turned, perturbed=True)


@dataclass(frozen=True)
class Reflected(Change):
    """Scan, pose and words seen in an upright mirror: left and right change places everywhere.

    The mirror stands in the origin and faces a horizontal direction. The camera keeps its up and
    forward axes and takes the other side for its right, so that its pose stays a rigid transform;
    what it sees is the mirrored image.
    """

    def scene(self, scene: Scene) -> Scene:
        """See the base class."""
        mirror, objects = _mirror(scene.up), scene.objects
        if objects is not None:
            corners = objects.corners
            objects = replace(
                objects,
                centers=objects.centers @ mirror,
                corners=None if corners is None else _reflected_corners(corners, mirror),
            )
        return replace(
            scene,
            points=scene.points @ mirror,
            normals=None if scene.normals is None else scene.normals @ mirror,
            objects=objects,
            aligned_from_world=_reflected_alignment(scene.aligned_from_world, mirror),
        )

    def pose(self, pose: EgoPose, scene: Scene) -> EgoPose:
        """See the base class; the principal point is mirrored too."""
        camera = pose.intrinsics
        return replace(
            pose,
            reference_from_camera=reflected_pose(pose.reference_from_camera, scene.up),
            intrinsics=replace(camera, cx=camera.width - camera.cx),
        )

    def query(self, query: Query, scene: Scene) -> Query:
        """See the base class; question, situation and references are mirrored word by word."""
        asker = query.annotated_pose
        region = query.region
        return replace(
            query,
            text=mirrored(query.text),
            situation=mirrored(query.situation),
            references=tuple(map(mirrored, query.references)),
            region=None if region is None else _reflected_region(region, _mirror(scene.up)),
            annotated_pose=None if asker is None else reflected_pose(asker, scene.up),
        )

    def restored(self, answer: Prediction, scene: Scene) -> Prediction:
        """See the base class; boxes and words are mirrored back."""
        corners = _reflected_corners(answer.corners, _mirror(scene.up))
        return replace(answer, corners=corners, text=mirrored(answer.text))


@dataclass(frozen=True)
class WithoutWords(Change):
    """The pose as ever, but a text that says nothing in the place of question and situation."""

    def query(self, query: Query, scene: Scene) -> Query:
        """See the base class; a captioning request has no words to lose."""
        del scene
        return replace(query, text=_SILENT.get(query.kind, query.text), situation="")


def reflected_pose(world_from_camera: RigidTransform, up: NDArray[np.float64]) -> RigidTransform:
    """The camera (RDF) that sees the reflected world as the mirror image.

    Args:
        world_from_camera: Its pose.
        up: (3,) unit vector against gravity, in WORLD.
    """
    mirror, matrix = _mirror(up), np.eye(4)
    matrix[:3, :3] = mirror @ world_from_camera.rotation @ _CAMERA_FLIP
    matrix[:3, 3] = mirror @ world_from_camera.translation
    return RigidTransform(matrix, world_from_camera.target, world_from_camera.source)


def _mirror(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) reflection along the horizontal direction that is nearest to the x or the y axis."""
    side = np.eye(3)[int(abs(up[0]) > abs(up[1]))]
    side -= (side @ up) * up
    return reflection_of(side / np.linalg.norm(side))


def _reflected_corners(
    corners: NDArray[np.float64], mirror: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(..., 8, 3) corners in the reflected world."""
    return (corners @ mirror)[..., _CORNERS_REFLECTED, :]


def _reflected_region(region: Region, mirror: NDArray[np.float64]) -> Region:
    click, corners = region.click, region.corners
    return replace(
        region,
        click=None if click is None else click @ mirror,
        corners=None if corners is None else _reflected_corners(corners, mirror),
    )


def _reflected_alignment(
    aligned_from_world: RigidTransform, mirror: NDArray[np.float64]
) -> RigidTransform:
    """The alignment of the reflected world: the old one between two reflections, so a rotation."""
    flip, matrix = np.diag([-1.0, 1.0, 1.0]), np.eye(4)
    matrix[:3, :3] = flip @ aligned_from_world.rotation @ mirror
    matrix[:3, 3] = flip @ aligned_from_world.translation
    return RigidTransform(matrix, aligned_from_world.target, aligned_from_world.source)
