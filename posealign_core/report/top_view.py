"""A scene from above, turned so that the asker looks up the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.align.ego_frame import ego_from_reference
from posealign_core.report.plots import figure_in_style
from posealign_core.vocabulary import EgoFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from posealign_core.geometry import Intrinsics, RigidTransform
    from posealign_core.structures import EgoPose, Scene

__all__ = ["MarkedPose", "draw_top_view", "top_view"]

_HEADROOM_M = 0.3
"""Points higher than this above the camera are ceiling and lamps, and hide the room."""
_MAX_POINTS = 40_000
_MAX_LABELS = 40
"""Beyond so many objects only the targets are named."""
_WIDTH_IN, _HEIGHT_IN = 5.4, 4.3


@dataclass(frozen=True)
class MarkedPose:
    """A camera to draw.

    Attributes:
        pose: The camera, in WORLD.
        label: What it is called in the legend.
        color: Its colour.
    """

    pose: EgoPose
    label: str
    color: str


def top_view(scene: Scene, cameras: Sequence[MarkedPose], target_ids: Sequence[int] = ()) -> str:
    """Draw a scene from above with cameras and targets.

    Args:
        scene: The scene, in WORLD.
        cameras: At least one; the first decides where "up the page" is.
        target_ids: Objects to mark.

    Returns:
        A WebP picture as a data URI.
    """
    with figure_in_style(_WIDTH_IN, _HEIGHT_IN) as (figure, axes):
        draw_top_view(axes, scene, cameras, target_ids)
        image = io.BytesIO()
        quality = {"quality": 80, "method": 6}
        figure.savefig(image, format="webp", dpi=150, facecolor="#fbfcfd", pil_kwargs=quality)
    return f"data:image/webp;base64,{base64.b64encode(image.getvalue()).decode()}"


def draw_top_view(
    axes: Axes, scene: Scene, cameras: Sequence[MarkedPose], target_ids: Sequence[int] = ()
) -> RigidTransform:
    """Draw the same on axes; returns the transform whose x is up the page and y to its left."""
    page_from_world = ego_from_reference(cameras[0].pose, scene.up, EgoFrame.LEVEL)
    _draw_points(axes, scene, page_from_world)
    _draw_objects(axes, scene, page_from_world, target_ids)
    for camera in cameras:
        _draw_camera(axes, camera, page_from_world)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
    axes.legend(loc="lower right", fontsize=8, framealpha=0.85, frameon=True, edgecolor="white")
    return page_from_world


def _page(points: NDArray[np.float64], page_from_world: RigidTransform) -> NDArray[np.float64]:
    """(N, 2) page coordinates, metres: right of the asker, ahead of the asker."""
    ego = page_from_world.apply(points)
    return np.stack([-ego[..., 1], ego[..., 0]], axis=-1)


def _draw_points(axes: Axes, scene: Scene, page_from_world: RigidTransform) -> None:
    height = page_from_world.apply(scene.points)[:, 2]
    shown = np.flatnonzero(height < _HEADROOM_M)
    shown = shown[:: max(1, len(shown) // _MAX_POINTS)]
    shown = shown[np.argsort(height[shown], kind="stable")]
    if not len(shown):
        return
    flat = _page(scene.points[shown], page_from_world)
    colors = np.full((len(shown), 3), 0.75) if scene.colors is None else scene.colors[shown] / 255
    axes.scatter(flat[:, 0], flat[:, 1], s=_tile(flat), c=colors, marker="s", linewidths=0)


def _tile(flat: NDArray[np.float64]) -> float:
    """Area of a marker, square points, at which markers about cover the floor."""
    extent = np.maximum(np.ptp(flat, axis=0), 1e-3)
    spacing_m = 1.6 * np.sqrt(extent.prod() / len(flat))
    return float((spacing_m * 72 * _HEIGHT_IN / extent.max()) ** 2)


def _draw_objects(
    axes: Axes, scene: Scene, page_from_world: RigidTransform, target_ids: Sequence[int]
) -> None:
    if scene.objects is None:
        return
    objects = scene.objects
    ids = objects.object_ids.tolist()
    scanned = ids if scene.instance_ids is None else np.unique(scene.instance_ids).tolist()
    shown = {*scanned, *target_ids}
    rows = [row for row in range(len(objects)) if ids[row] in shown]
    for row in sorted(rows, key=lambda row: ids[row] in target_ids):
        is_target = ids[row] in target_ids
        color, width = ("#d64545", 2.4) if is_target else ("#1f2933", 0.8)
        x, y = _page(objects.centers[row], page_from_world)
        if objects.corners is not None:
            outline = _outline(_page(objects.corners[row], page_from_world))
            axes.plot(outline[:, 0], outline[:, 1], color=color, linewidth=width)
        if len(rows) > _MAX_LABELS and not is_target:
            continue
        box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8}
        weight = "bold" if is_target else "normal"
        text = axes.text(x, y, objects.labels[row], color=color, fontsize=7, fontweight=weight)
        text.set(ha="center", va="center", bbox=box)


def _outline(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Closed convex outline of a box's corners on the page."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(flat).vertices
    except QhullError:  # a box without extent
        return flat
    return flat[[*hull, hull[0]]]


def _draw_camera(axes: Axes, camera: MarkedPose, page_from_world: RigidTransform) -> None:
    world_from_camera = camera.pose.reference_from_camera
    rotation = page_from_world.rotation @ world_from_camera.rotation
    rays = _edge_rays(camera.pose.intrinsics, rotation) @ rotation.T
    arms = np.stack([-rays[:, 1], rays[:, 0]], axis=1)
    arms /= np.maximum(np.linalg.norm(arms, axis=1, keepdims=True), 1e-9)
    origin = _page(world_from_camera.translation, page_from_world)
    wedge = np.stack([origin + 1.1 * arms[0], origin, origin + 1.1 * arms[1]])
    axes.fill(wedge[:, 0], wedge[:, 1], color=camera.color, alpha=0.16, linewidth=0)
    axes.plot(wedge[:, 0], wedge[:, 1], color=camera.color, linewidth=1.6)
    tip = origin + 0.8 * arms[2]
    arrow = {"arrowstyle": "-|>", "color": camera.color, "linewidth": 2.2}
    axes.annotate("", xy=tuple(tip), xytext=tuple(origin), arrowprops=arrow)
    axes.plot(*origin, "o", color=camera.color, markersize=7, label=camera.label)


def _edge_rays(camera: Intrinsics, page_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) camera-frame rays: both sides of the view seen from above, and its middle.

    For a camera that is rolled on its side these are the image's top and bottom.
    """
    left, right = -camera.cx / camera.fx, (camera.width - camera.cx) / camera.fx
    top, bottom = -camera.cy / camera.fy, (camera.height - camera.cy) / camera.fy
    upright = abs(page_from_camera[2, 0]) <= abs(page_from_camera[2, 1])
    sides = [[left, 0.0], [right, 0.0]] if upright else [[0.0, top], [0.0, bottom]]
    return np.array([[*side, 1.0] for side in (*sides, [0.0, 0.0])])
