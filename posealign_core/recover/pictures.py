"""Pictures of poses: one question's candidates from above, and what many tables offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize

from posealign_core.atomic import atomic_path
from posealign_core.report.plots import figure_in_style
from posealign_core.report.top_view import MarkedPose, draw_top_view
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from posealign_core.geometry import RigidTransform
    from posealign_core.recover.statistics import TableStatistics
    from posealign_core.structures import EgoPose, Query, Scene, VisibilityTable

__all__ = ["draw_pose", "draw_statistics"]

_CHOSEN, _ANNOTATED = "#d64545", "#2f6fde"
_CANDIDATE_M = 0.35
"""Length of a candidate's frustum."""
_HEAT_BINS = 48


def draw_pose(  # noqa: PLR0917 - what the picture shows, in order
    path: Path,
    scene: Scene,
    table: VisibilityTable,
    query: Query,
    pose: EgoPose,
    annotated: EgoPose | None = None,
) -> None:
    """Draw the scene from above, up the page where the chosen camera looks, and write a PNG.

    Every kept frame is a small frustum, the darker the more it sees of the target.

    Args:
        path: File to write.
        scene: The scene, in WORLD.
        table: Its visibility table.
        query: The query; its targets are marked.
        pose: The chosen pose.
        annotated: The true pose where it is known.
    """
    how = "chosen" if pose.source is not PoseSource.FALLBACK else "fallback"
    cameras = [MarkedPose(pose, f"{how}: {pose.frame_id or pose.source.value}", _CHOSEN)]
    if annotated is not None and pose.source is not PoseSource.ANNOTATED:
        cameras.append(MarkedPose(annotated, "annotated", _ANNOTATED))
    targets = query.target_ids if pose.object_id is None else (pose.object_id,)
    with figure_in_style(8.0, 6.8) as (figure, axes):
        page_from_world = draw_top_view(axes, scene, cameras, targets)
        target = pose.object_id if pose.object_id is not None else next(iter(targets), -1)
        _draw_candidates(figure, axes, table, target, page_from_world)
        _mark_target(axes, scene, target, page_from_world)
        axes.set_title(_title(query, pose), fontsize=10, wrap=True)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=130, facecolor="white")


def draw_statistics(path: Path, statistics: TableStatistics) -> None:
    """Write a PNG: how many frames see each object, and where targets lie in both frames."""
    with figure_in_style(13.5, 4.3) as (figure, axes):
        axes.remove()
        counts, world, ego = figure.subplots(1, 3)
        _draw_counts(counts, statistics)
        reach = _reach(statistics)
        _draw_heat(world, statistics.world_m, reach)
        world.set(title="targets in the world frame", xlabel="x, m", ylabel="y, m")
        _draw_heat(ego, statistics.ego_m @ np.array([[0.0, 1.0], [-1.0, 0.0]]), reach)
        ego.set(title="targets in the ego frame", xlabel="right, m", ylabel="ahead, m")
        ego.plot(0, 0, "^", color=_CHOSEN, markersize=9)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=130, facecolor="white")


def _title(query: Query, pose: EgoPose) -> str:
    said = query.text or f"object {pose.object_id}"
    score = "" if pose.score is None else f", sees {pose.score:.0%} of its target"
    reason = f" ({pose.fallback_reason})" if pose.fallback_reason else ""
    return f"{said}\n{pose.source.value} by {pose.selector or 'annotation'}{score}{reason}"


def _draw_candidates(
    figure: Figure,
    axes: Axes,
    table: VisibilityTable,
    target: int,
    page_from_world: RigidTransform,
) -> None:
    scores = table.column(target)
    values = np.zeros(len(table.trajectory)) if scores is None else scores
    shapes = [
        _frustum(table.trajectory.world_from_camera[row], page_from_world)
        for row in np.argsort(values, kind="stable")
    ]
    frusta = PolyCollection(
        shapes,
        array=np.sort(values),
        cmap="viridis_r",
        norm=Normalize(0, max(float(values.max(initial=0)), 1e-6)),
        edgecolors="#1f2933",
        linewidths=0.4,
        alpha=0.85,
        zorder=4,
    )
    axes.add_collection(frusta)
    axes.autoscale_view()
    figure.colorbar(frusta, ax=axes, label="share of the target seen", shrink=0.6)


def _frustum(
    world_from_camera: NDArray[np.float64], page_from_world: RigidTransform
) -> NDArray[np.float64]:
    """Triangle (3, 2) on the page, from the camera to where it faces."""
    place = _on_page(page_from_world.apply(world_from_camera[:3, 3]))
    ahead = _on_page(page_from_world.apply_direction(world_from_camera[:3, 2]))
    ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9) * _CANDIDATE_M
    aside = 0.4 * np.array([-ahead[1], ahead[0]])
    return np.stack([place, place + ahead + aside, place + ahead - aside])


def _mark_target(axes: Axes, scene: Scene, target: int, page_from_world: RigidTransform) -> None:
    if scene.instance_ids is None:
        return
    points = scene.points[scene.instance_ids == target]
    if len(points):
        flat = _on_page(page_from_world.apply(points[:: max(1, len(points) // 2000)]))
        axes.scatter(flat[:, 0], flat[:, 1], s=3, color=_CHOSEN, alpha=0.35, linewidths=0, zorder=3)


def _on_page(ego: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([-ego[..., 1], ego[..., 0]], axis=-1)


def _draw_counts(axes: Axes, statistics: TableStatistics) -> None:
    counts = statistics.n_selectable
    top = max(1, int(counts.max(initial=1)))
    edges = np.linspace(-0.5, top + 0.5, min(top + 2, 42))
    axes.hist(counts, bins=edges.tolist(), color=_ANNOTATED)
    axes.set(
        title=f"{statistics.n_never_seen} of {len(counts)} objects are never seen",
        xlabel="frames that see the object",
        ylabel="objects",
    )


def _reach(statistics: TableStatistics) -> float:
    both = np.concatenate([statistics.world_m, statistics.ego_m])
    return float(np.percentile(np.abs(both), 99)) if len(both) else 1.0


def _draw_heat(axes: Axes, places: NDArray[np.float64], reach: float) -> None:
    axes.grid(visible=False)
    edges = np.linspace(-reach, reach, _HEAT_BINS + 1)
    axes.hist2d(places[:, 0], places[:, 1], bins=(edges, edges), cmap="Blues")
    axes.set_aspect("equal")
