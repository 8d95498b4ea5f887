"""Signs in a table that its inputs do not belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posealign_core.geometry import Intrinsics
    from posealign_core.structures import VisibilityTable

__all__ = ["doubts", "share_of_objects_seen"]

_FEW_OBJECTS = 0.5
_FEW_FRAMES = 0.5
_FEW_KEPT = 5
_OFF_MIDDLE = 0.25


def share_of_objects_seen(table: VisibilityTable) -> float:
    """Share of the objects (ids of at least 0) that some kept frame sees; 1 without objects."""
    seen = table.scores[:, table.object_ids >= 0].max(axis=0, initial=0) > 0
    return float(seen.mean()) if len(seen) else 1.0


def doubts(table: VisibilityTable) -> list[str]:
    """What the user should look into, one sentence each.

    Points and cameras in different frames (a forgotten axis alignment), inverted poses and a wrong
    axis convention all leave objects that no camera sees and cameras that see nothing
    (visibility spec, negative controls).
    """
    found = []
    objects = share_of_objects_seen(table)
    frames = float((table.scores[:, table.object_ids >= 0] > 0).any(axis=1).mean())
    if not (table.object_ids >= 0).any():
        found.append("it has no labelled object; every pose will be a fallback")
    elif objects < _FEW_OBJECTS or frames < _FEW_FRAMES:
        found.append(
            f"only {objects:.0%} of its objects are seen by any camera and only {frames:.0%} of "
            "its cameras see any object; check that points and poses are in one frame (axis "
            "alignment), that poses are camera-to-world with the stated axes, and the intrinsics"
        )
    found += [_off_middle(camera) for camera in set(table.trajectory.intrinsics) if _is_off(camera)]
    usable = table.counts.recorded - table.counts.rejected
    if table.counts.kept < min(_FEW_KEPT, usable):
        found.append(
            f"{table.counts.kept} of {usable} usable frames are kept; a smaller 'every' "
            f"(now {table.counts.every}) gives more poses to choose from"
        )
    return found


def _is_off(camera: Intrinsics) -> bool:
    off = (camera.cx / camera.width - 0.5, camera.cy / camera.height - 0.5)
    return max(map(abs, off)) > _OFF_MIDDLE


def _off_middle(camera: Intrinsics) -> str:
    return (
        f"the principal point ({camera.cx:.0f}, {camera.cy:.0f}) is far from the middle of the "
        f"{camera.width} x {camera.height} image; are the intrinsics those of another image size?"
    )
