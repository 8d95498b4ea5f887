"""A query and its scene, brought into the frame that the model will see."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from posealign_core.errors import FrameMismatchError
from posealign_core.geometry.frames import Frame, RigidTransform
from posealign_core.vocabulary import EgoFrame, Fidelity

if TYPE_CHECKING:
    from posealign_core.structures.pose import EgoPose
    from posealign_core.structures.query import Query, Region
    from posealign_core.structures.scene import Scene
    from posealign_core.vocabulary import AlignMode

__all__ = ["AlignSettings", "AlignedSample", "AugmentPolicy"]


@dataclass(frozen=True, kw_only=True)
class AugmentPolicy:
    """Which of its own geometric steps an encoder may still apply to a sample.

    An encoder whose recipe has a step applies it only where the policy allows it; a step that the
    recipe lacks is never added. Cloud, boxes, clicks and pose take each step together.

    Attributes:
        axis_align: Turn walls onto the axes with the data set's matrix.
        center: Shift the cloud to its own centre.
        rotate: Random turn about the up axis.
        flip: Random mirror images; they swap left and right without changing the words.
        scale: Random isotropic scaling.
        translate: Random shift.
        elastic: Random elastic distortion.
        dropout: Random removal of points.
    """

    axis_align: bool = True
    center: bool = True
    rotate: bool = True
    flip: bool = True
    scale: bool = True
    translate: bool = True
    elastic: bool = True
    dropout: bool = True

    def __and__(self, other: AugmentPolicy) -> AugmentPolicy:
        """Allow only what both allow."""
        return AugmentPolicy(
            **{f.name: getattr(self, f.name) and getattr(other, f.name) for f in fields(self)}
        )


@dataclass(frozen=True, kw_only=True)
class AlignSettings:
    """How a run aligns its samples.

    Attributes:
        modes: Where the pose goes; the empty set is the plain backbone.
        ego_frame: Which ego frame transform mode uses.
        fidelity: Whether quirks of the released code are reproduced.
    """

    modes: frozenset[AlignMode] = frozenset()
    ego_frame: EgoFrame = EgoFrame.CAMERA
    fidelity: Fidelity = Fidelity.CORRECT


@dataclass(frozen=True, kw_only=True, eq=False)
class AlignedSample:
    """What an encoder gets: geometry in INPUT, words apart, and the way back to the world.

    Attributes:
        query: The query as the benchmark gave it (its region and annotated pose are in WORLD).
        scene: The scene, in INPUT.
        region: The query's region, in INPUT, or None.
        pose: The ego pose in INPUT, or None where the run uses no poses.
        settings: How the run aligns its samples.
        pose_template: Words that state the pose, with the fields `{position}`, `{front}`, `{left}`
            and `{up}`; `""` unless `AlignMode.PROMPT` is among the modes. The encoder fills it with
            `align.pose_text` after its own geometric steps, so that the numbers and the
            coordinates are in one frame.
        input_from_world: The rigid transform that was applied to everything above.
        policy: Which augmentation steps the modes leave to the encoder.

    Raises:
        FrameMismatchError: Scene, region, pose or transform is not in INPUT.
    """

    query: Query
    scene: Scene
    region: Region | None
    pose: EgoPose | None
    settings: AlignSettings
    pose_template: str
    input_from_world: RigidTransform
    policy: AugmentPolicy

    def __post_init__(self) -> None:
        frames = {
            "scene": self.scene.frame,
            "region": Frame.INPUT if self.region is None else self.region.frame,
            "pose": Frame.INPUT if self.pose is None else self.pose.reference,
            "input_from_world": self.input_from_world.target,
        }
        wrong = {k: f.value for k, f in frames.items() if f is not Frame.INPUT}
        if wrong or self.input_from_world.source is not Frame.WORLD:
            raise FrameMismatchError(
                f"aligned sample {self.query.query_id!r}: wanted everything in input, with a "
                f"transform from world; found {wrong or self.input_from_world.source.value}"
            )

    @classmethod
    def unaligned(
        cls,
        query: Query,
        scene: Scene,
        pose: EgoPose | None = None,
        settings: AlignSettings | None = None,
    ) -> AlignedSample:
        """The starting point of every mode: the input frame is the raw world frame."""
        input_from_world = RigidTransform.identity(Frame.INPUT, Frame.WORLD)
        return cls(
            query=query,
            scene=scene.moved(input_from_world),
            region=None if query.region is None else query.region.moved(input_from_world),
            pose=None if pose is None else pose.moved(input_from_world),
            settings=AlignSettings() if settings is None else settings,
            pose_template="",
            input_from_world=input_from_world,
            policy=AugmentPolicy(),
        )

    def moved(self, input_from_input: RigidTransform) -> AlignedSample:
        """Turn everything in INPUT together; the way back to the world stays right."""
        return replace(
            self,
            scene=self.scene.moved(input_from_input),
            region=None if self.region is None else self.region.moved(input_from_input),
            pose=None if self.pose is None else self.pose.moved(input_from_input),
            input_from_world=input_from_input @ self.input_from_world,
        )
