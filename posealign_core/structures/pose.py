"""The ego pose of a query: where the asker stands and looks, and how we know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from posealign_core.errors import FrameMismatchError
from posealign_core.geometry.frames import Frame

if TYPE_CHECKING:
    from posealign_core.geometry.frames import RigidTransform
    from posealign_core.geometry.intrinsics import Intrinsics
    from posealign_core.vocabulary import PoseSource

__all__ = ["EgoPose"]


@dataclass(frozen=True, kw_only=True, eq=False)
class EgoPose:
    """A camera pose with its provenance.

    Attributes:
        reference_from_camera: Pose of the camera (RDF) in the frame of the coordinates beside it:
            WORLD as recovered, INPUT inside an `AlignedSample`.
        intrinsics: The camera.
        source: How the pose came about.
        selector: Name of the selector that chose it, or `""`.
        frame_id: Frame of the trajectory, or None for poses from elsewhere.
        object_id: Target that the selector looked at, or None.
        score: Visibility of that target in that frame, or None.
        fallback_reason: Why a fallback was needed; `""` where none was.
        perturbed: Whether noise was added.
    """

    reference_from_camera: RigidTransform
    intrinsics: Intrinsics
    source: PoseSource
    selector: str = ""
    frame_id: str | None = None
    object_id: int | None = None
    score: float | None = None
    fallback_reason: str = ""
    perturbed: bool = False

    def __post_init__(self) -> None:
        if self.reference_from_camera.source is not Frame.CAMERA:
            raise FrameMismatchError(
                "ego pose: wanted a transform from camera, found one from "
                f"{self.reference_from_camera.source.value}"
            )

    @property
    def reference(self) -> Frame:
        """Frame that the pose is expressed in."""
        return self.reference_from_camera.target

    def moved(self, target_from_reference: RigidTransform) -> EgoPose:
        """The same camera seen from another frame."""
        return replace(
            self, reference_from_camera=target_from_reference @ self.reference_from_camera
        )
