"""The box or click that says which object a caption is about (sections 5.4, 9.2 and 9.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from posealign_core.errors import BackboneError
from posealign_core.geometry import aabb_from_corners, aabb_of_points, corners_from_aabb
from posealign_core.structures.regions import points_of_objects
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind
from posealign_ll3da.encode.placement import on_walls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.config import ScanConfig
    from posealign_ll3da.encode.boxes import ObjectBoxes
    from posealign_ll3da.encode.placement import Placement

__all__ = [
    "VisualPrompt",
    "box_prompt",
    "click_prompt",
    "drawn_prompt",
    "given_prompt",
    "region_corners",
]

_BOX_SHARE, _CLICK_SHARE = 0.5, 0.25


class VisualPrompt(NamedTuple):
    """At most one of the two, in the placed frame, metres.

    Attributes:
        box: (8, 3) corners, or None.
        click: (3,) a point, or None.
    """

    box: NDArray[np.float64] | None = None
    click: NDArray[np.float64] | None = None


def drawn_prompt(
    sample: AlignedSample,
    placement: Placement,
    boxes: ObjectBoxes,
    config: ScanConfig,
    rng: np.random.Generator,
    *,
    fitted: bool = True,
) -> VisualPrompt:
    """The prompt of a training sample.

    Captions get the target's box or a click, one in two each; in an ego frame, where a box along
    the axes does not fit the object any more, only the released recipe still gives such boxes.
    One question in four gets a click on an object that it is about.

    Args:
        sample: The sample.
        placement: From INPUT.
        boxes: Of the objects that it is about, placed.
        config: Where objects are clicked.
        rng: Chooses.
        fitted: See `box_prompt`.

    Raises:
        BackboneError: There is nothing to describe.
    """
    draw, query = rng.random(), sample.query
    if query.kind is TaskKind.CAPTION:
        turned = fitted and AlignMode.TRANSFORM in sample.settings.modes
        boxed = not turned or sample.settings.fidelity is Fidelity.RELEASED
        if boxed and draw < _BOX_SHARE:
            return box_prompt(sample, placement, fitted=fitted)
        return click_prompt(sample, placement, config, rng)
    if query.kind is TaskKind.ANSWER and draw < _CLICK_SHARE:
        about = boxes.of(query.target_ids)
        if len(about):
            return VisualPrompt(click=about[int(rng.integers(len(about))), :3])
    return VisualPrompt()


def given_prompt(
    sample: AlignedSample,
    placement: Placement,
    captions: Literal["dense", "click", "box"],
    *,
    fitted: bool = True,
) -> VisualPrompt:
    """The prompt of a question that is to be answered; none where detection gives it.

    Args:
        sample: The question.
        placement: From INPUT.
        captions: Which prompt captions have.
        fitted: See `box_prompt`.

    Raises:
        BackboneError: There is nothing to describe.
    """
    if sample.query.kind is not TaskKind.CAPTION or captions == "dense":
        return VisualPrompt()
    if captions == "box":
        return box_prompt(sample, placement, fitted=fitted)
    return click_prompt(sample, placement)


def box_prompt(sample: AlignedSample, placement: Placement, *, fitted: bool = True) -> VisualPrompt:
    """The box of a region; a click where it has no box.

    Args:
        sample: The sample.
        placement: From INPUT.
        fitted: Whether the box is the one along the axes of the placed frame around the moved one,
            as a detector's boxes are; the moved one itself otherwise.
    """
    corners = region_corners(sample)
    if corners is None:
        return click_prompt(sample, placement)
    moved = placement.points(corners)
    return VisualPrompt(box=corners_from_aabb(aabb_from_corners(moved))[0] if fitted else moved)


def click_prompt(
    sample: AlignedSample,
    placement: Placement,
    config: ScanConfig | None = None,
    rng: np.random.Generator | None = None,
) -> VisualPrompt:
    """A click on a region: the middle of its object's box, else its own click.

    Args:
        sample: The sample.
        placement: From INPUT.
        config: With `click: instance_point`, one of the object's points is clicked, in training.
        rng: Chooses the point.
    """
    region = sample.region
    if config is not None and rng is not None and config.click == "instance_point":
        ids = [] if region is None or region.object_id is None else [region.object_id]
        rows = np.flatnonzero(points_of_objects(sample.scene, ids))
        if len(rows):
            return VisualPrompt(click=placement.points(sample.scene.points[rng.choice(rows)]))
    return VisualPrompt(click=placement.points(_region_point(sample)))


def _region_point(sample: AlignedSample) -> NDArray[np.float64]:
    corners, region = region_corners(sample), sample.region
    if corners is not None:
        middle: NDArray[np.float64] = corners.mean(axis=0)
        return middle
    if region is not None and region.click is not None:
        return region.click
    raise BackboneError(
        f"query {sample.query.query_id!r}: wanted a region to describe in scene "
        f"{sample.scene.scene_id!r}, found none"
    )


def region_corners(sample: AlignedSample) -> NDArray[np.float64] | None:
    """(8, 3) the box of a region's object in INPUT, else the region's own box, else None."""
    region, objects = sample.region, sample.scene.objects
    if region is None:
        return None
    if region.object_id is not None:
        row = None if objects is None else objects.index_of(region.object_id)
        if row is not None and objects is not None and objects.corners is not None:
            corners: NDArray[np.float64] = objects.corners[row]
            return corners
        inside = points_of_objects(sample.scene, [region.object_id])
        if inside.any():
            walls = on_walls(sample)
            box = aabb_of_points(walls.points(sample.scene.points[inside]))
            return walls.back(corners_from_aabb(box)[0])
    return region.corners
