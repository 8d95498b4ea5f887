"""A picture of one scene: floor plan and camera path, and what one asker sees and asks."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import withStroke

from posealign_core.atomic import atomic_path
from posealign_core.geometry import is_rigid
from posealign_rooms.catalogue import COLORS
from posealign_rooms.render import image_intrinsics, render
from posealign_rooms.solids import solids_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from posealign_rooms.layout import RoomObject
    from posealign_rooms.plan import AskedView, RoomPlan

__all__ = ["draw_scene"]

_PATH = "#5b6b7b"
_ASKER = "#d0021b"
_INK = "#222222"
_SMALL_M = 0.55
"""Objects below this size have their label beside them."""


def draw_scene(plan: RoomPlan, view: AskedView, path: Path) -> None:
    """Write a PNG.

    Args:
        plan: The scene.
        view: The viewpoint to show.
        path: File to write.
    """
    figure = Figure(figsize=(13.5, 7.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.0, 1.05), height_ratios=(1.0, 0.24))
    plan_axes, image_axes = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
    _draw_floor(plan_axes, plan)
    for room_object in sorted(plan.layout.objects, key=lambda o: o.center[2] + o.size[2] / 2):
        _draw_object(plan_axes, room_object)
    _draw_path(plan_axes, plan)
    _draw_asker(plan_axes, plan, view)
    _draw_image(image_axes, plan, view)
    _write_questions(figure.add_subplot(grid[1, 1]), view)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight")


def _draw_floor(axes: Axes, plan: RoomPlan) -> None:
    w, d = plan.layout.width, plan.layout.depth
    axes.add_patch(Rectangle((-w / 2, -d / 2), w, d, fc="#f4efe6", ec="#8a8478", lw=4, zorder=0))
    # The raw axes, to show that the walls do not follow them.
    x, y = -w / 2 + 0.8, -d / 2 + 0.8
    for name, axis in (("x", (1.0, 0.0, 0.0)), ("y", (0.0, 1.0, 0.0))):
        dx, dy, _ = (0.45 * plan.layout.aligned_from_world.apply_direction(axis)).tolist()
        arrow = {"arrowstyle": "-|>", "color": "#8a8478"}
        axes.annotate("", (x + dx, y + dy), (x, y), arrowprops=arrow)
        place = (x + 1.35 * dx, y + 1.35 * dy)
        axes.annotate(name, place, ha="center", va="center", color="#8a8478", size=8)
    axes.set_xlim(-w / 2 - 0.15, w / 2 + 0.15)
    axes.set_ylim(-d / 2 - 0.15, d / 2 + 0.15)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(
        f"{plan.scene_id} ({plan.split}), {w:.1f} m x {d:.1f} m, "
        f"{len(plan.world_from_camera)} frames",
        size=11,
        color=_INK,
    )


def _draw_object(axes: Axes, room_object: RoomObject) -> None:
    x, y, _ = room_object.center
    w, d, _ = room_object.size
    c, s = math.cos(room_object.yaw), math.sin(room_object.yaw)
    turn = np.array([[c, s], [-s, c]])
    corners = np.array([[-w, -d], [w, -d], [w, d], [-w, d]]) / 2 @ turn + (x, y)
    rgb = np.array(COLORS[room_object.color]) / 255
    axes.add_patch(Polygon(corners, fc=rgb, ec=_INK, lw=0.8, zorder=2))
    front = np.array([[-w * 0.3, d * 0.36], [w * 0.3, d * 0.36]]) @ turn + (x, y)
    ink = "white" if rgb @ (0.3, 0.59, 0.11) < 0.5 else _INK
    axes.plot(*front.T, color=ink, lw=1.0, zorder=2.5)
    below = d / 2 + 0.13 if max(w, d) < _SMALL_M else 0.0
    axes.text(
        x,
        y - below,
        f"{room_object.kind} {room_object.object_id}",
        ha="center",
        va="center",
        size=7.5,
        color=_INK,
        zorder=5,
        path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.85)],
    )


def _draw_path(axes: Axes, plan: RoomPlan) -> None:
    """The path, a short tick per heading, and a gap where tracking was lost."""
    places, headings = [], []
    for i, matrix in enumerate(plan.world_from_camera):
        if not is_rigid(matrix):
            places.append(np.full(2, np.nan))
            continue
        pose = plan.pose_in_room(i)
        places.append(pose.translation[:2])
        if i % 4 == 0:
            headings.append((pose.translation[:2], pose.rotation[:2, 2]))
    axes.plot(*np.array(places).T, color=_PATH, lw=1.3, zorder=3)
    for place, heading in headings:
        axes.plot(*np.stack([place, place + 0.16 * heading]).T, color=_PATH, lw=0.7, zorder=3)


def _draw_asker(axes: Axes, plan: RoomPlan, view: AskedView) -> None:
    for other in plan.views:
        x, y = plan.pose_in_room(other.frame).translation[:2]
        axes.plot(x, y, "o", ms=3.5, color=_PATH, zorder=4)
    pose = plan.pose_in_room(view.frame)
    x, y = pose.translation[:2]
    half = math.atan2(plan.intrinsics.width / 2, plan.intrinsics.fx)
    yaw = math.atan2(pose.rotation[1, 2], pose.rotation[0, 2])
    fan = [(x + 1.5 * math.cos(a), y + 1.5 * math.sin(a)) for a in (yaw - half, yaw + half)]
    axes.add_patch(Polygon([(x, y), *fan], fc=_ASKER, alpha=0.18, ec="none", zorder=3.5))
    axes.plot(*np.array([fan[0], (x, y), fan[1]]).T, color=_ASKER, lw=1.2, zorder=4)
    axes.plot(x, y, "o", ms=6, color=_ASKER, zorder=6)


def _draw_image(axes: Axes, plan: RoomPlan, view: AskedView) -> None:
    camera = image_intrinsics(plan.intrinsics, 0.75)
    color, _ = render(solids_of(plan.layout), plan.pose_in_room(view.frame), camera)
    axes.imshow(_smooth(color))
    axes.axis("off")
    axes.set_title(f"frame {view.frame}, as the asker sees it", size=11, color=_INK)


def _write_questions(axes: Axes, view: AskedView) -> None:
    """Some of what is asked from here and has another answer from elsewhere."""
    lines = []
    for benchmark in ("scanqa", "sqa3d", "scanrefer"):
        for asked in [a for a in view.asked[benchmark] if a.directional][:2]:
            answer = asked.item.answer or f"object {asked.item.targets[0]}"
            lines.append(f"{asked.situation} {asked.text}".strip() + f"  \u2192  {answer}")
    text = "\n".join(textwrap.fill(line, 92, subsequent_indent="    ") for line in lines)
    axes.axis("off")
    axes.text(0.0, 1.0, text, transform=axes.transAxes, va="top", size=9, color=_INK)


def _smooth(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the size, each pixel the mean of four: soft edges."""
    h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    blocks = image[:h, :w].reshape(h // 2, 2, w // 2, 2, 3).astype(np.float64)
    smooth: NDArray[np.uint8] = blocks.mean(axis=(1, 3)).astype(np.uint8)
    return smooth
