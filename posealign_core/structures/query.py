"""One question, description or captioning request about a scene."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import FrameMismatchError
from posealign_core.geometry.boxes import move_corners
from posealign_core.geometry.frames import Frame, RigidTransform
from posealign_core.structures.arrays import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from posealign_core.vocabulary import TaskKind

__all__ = ["Query", "Region"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """The place that a query points at: an object, a click, a box, or several of these.

    Attributes:
        object_id: Object of the scene, where the region is one.
        click: (3,) float64 metres, or None.
        corners: (8, 3) float64 metres, or None.
        frame: Frame of click and corners.
    """

    object_id: int | None = None
    click: NDArray[np.float64] | None = None
    corners: NDArray[np.float64] | None = None
    frame: Frame = Frame.WORLD

    def __post_init__(self) -> None:
        for name, shape in (("click", (3,)), ("corners", (8, 3))):
            value = getattr(self, name)
            if value is not None:
                array = frozen_array(f"region {name}", value, shape, np.float64)
                object.__setattr__(self, name, array)

    def moved(self, target_from_source: RigidTransform) -> Region:
        """The same region in another frame.

        Raises:
            FrameMismatchError: The transform does not start at this region's frame.
        """
        if target_from_source.source is not self.frame:
            raise FrameMismatchError(
                f"region is in {self.frame.value}, the transform starts at "
                f"{target_from_source.source.value}"
            )
        corners = (
            None if self.corners is None else move_corners(target_from_source, self.corners)[0]
        )
        return replace(
            self,
            click=None if self.click is None else target_from_source.apply(self.click),
            corners=corners,
            frame=target_from_source.target,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Query:
    """One item of a benchmark.

    Attributes:
        query_id: Unique within its benchmark (benchmarks spec 1.2).
        benchmark: Name of the benchmark.
        split: `"train"`, `"val"` or `"test"`.
        scene_id: The scan asked about.
        kind: What kind of answer is wanted.
        text: The question or description; empty for a captioning request.
        situation: Where the asker says they are, in words; empty where nothing is said.
        target_ids: Objects that the query is about; empty where none is known or none exists.
        references: Accepted answers, or reference captions.
        region: The place to describe, for captioning; in WORLD.
        annotated_pose: World-from-camera (RDF) of the asker where the data set gives it.
        candidates: Objects to choose from, for selection.
        extra: Further fields of the data set, as text.
    """

    query_id: str
    benchmark: str
    split: str
    scene_id: str
    kind: TaskKind
    text: str
    situation: str = ""
    target_ids: tuple[int, ...] = ()
    references: tuple[str, ...] = ()
    region: Region | None = None
    annotated_pose: RigidTransform | None = None
    candidates: tuple[int, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pose = self.annotated_pose
        if pose is not None and (pose.target, pose.source) != (Frame.WORLD, Frame.CAMERA):
            raise FrameMismatchError(
                f"annotated pose of query {self.query_id!r}: wanted world_from_camera, found "
                f"{pose.target.value}_from_{pose.source.value}"
            )
