"""What the model is told about each object: its place, size, colour and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from posealign_core.errors import BackboneError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import Region, Scene

__all__ = [
    "COLORS",
    "N_ATTRIBUTES",
    "SceneObjects",
    "most_relevant",
    "objects_of",
    "row_of_region",
]

N_ATTRIBUTES = 9
COLORS: Final = {
    "red": (200, 40, 40),
    "orange": (235, 140, 30),
    "yellow": (230, 215, 60),
    "green": (50, 150, 60),
    "blue": (45, 85, 200),
    "purple": (135, 60, 170),
    "pink": (240, 150, 185),
    "brown": (115, 75, 45),
    "black": (35, 35, 38),
    "white": (235, 235, 230),
    "gray": (130, 130, 130),
}
"""Basic colour terms, sRGB; an object is called by the nearest."""


class SceneObjects(NamedTuple):
    """The K objects of a scene, in the order of its table.

    Attributes:
        object_ids: (K,) int64.
        labels: K category names.
        names: K texts: named colour, where the scan has colours, and category.
        attributes: (K, 9) float32: centre and box edges in metres, in the scene's frame; mean red,
            green and blue from -1 to 1, or 0 where the scan has no colour.
        corners: (K, 8, 3) float64 metres in the scene's frame, or None where there are no boxes.
    """

    object_ids: NDArray[np.int64]
    labels: tuple[str, ...]
    names: tuple[str, ...]
    attributes: NDArray[np.float32]
    corners: NDArray[np.float64] | None


def objects_of(scene: Scene) -> SceneObjects:
    """Read the objects of a scene; one without an object table has none."""
    table = scene.objects
    if table is None:
        empty = np.zeros((0, N_ATTRIBUTES), dtype=np.float32)
        return SceneObjects(np.zeros(0, dtype=np.int64), (), (), empty, None)
    members = _members(scene, table.object_ids)
    edges = _box_edges(table.corners) if table.corners is not None else _extents(scene, members)
    rgb = _mean_colors(scene, members)
    colors = np.nan_to_num(rgb / 127.5 - 1)
    attributes = np.concatenate([table.centers, edges, colors], axis=1).astype(np.float32)
    names = tuple(
        f"{_color_name(tint)} {label}" for tint, label in zip(rgb, table.labels, strict=True)
    )
    return SceneObjects(table.object_ids, table.labels, names, attributes, table.corners)


def most_relevant(objects: SceneObjects, text: str, shown: set[int], n: int) -> SceneObjects:
    """At most n objects, in their order: what is spoken of or shown first, then what is nearest.

    Args:
        objects: All objects of a scene.
        text: The questions; an object is spoken of where its label occurs.
        shown: Ids of the objects that the questions point at.
        n: How many.
    """
    if len(objects.labels) <= n:
        return objects
    places = objects.attributes[:, :3]
    meant = np.array([label.lower() in text.lower() for label in objects.labels])
    meant |= np.isin(objects.object_ids, list(shown))
    anchors = places[meant] if meant.any() else places.mean(axis=0, keepdims=True)
    distance = np.linalg.norm(places[:, None] - anchors[None], axis=2).min(axis=1)
    rows = np.sort(np.argsort(np.where(meant, -1.0, distance), kind="stable")[:n])
    return SceneObjects(
        objects.object_ids[rows],
        tuple(objects.labels[k] for k in rows),
        tuple(objects.names[k] for k in rows),
        objects.attributes[rows],
        None if objects.corners is None else objects.corners[rows],
    )


def row_of_region(objects: SceneObjects, region: Region) -> int:
    """The object that a region means: the one it names, else the one whose centre is nearest.

    Raises:
        BackboneError: The scene has no objects, or the region has no place.
    """
    rows = np.flatnonzero(objects.object_ids == region.object_id)
    if len(rows):
        return int(rows[0])
    place = region.click if region.corners is None else region.corners.mean(axis=0)
    if place is None or len(objects.names) == 0:
        raise BackboneError(
            f"wanted a region with a click, a box or one of the objects "
            f"{objects.object_ids.tolist()}, found {region}"
        )
    return int(np.linalg.norm(objects.attributes[:, :3] - place, axis=1).argmin())


def _members(scene: Scene, object_ids: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Indices of the points of each object; none where the scan has no instances."""
    if scene.instance_ids is None:
        return [np.zeros(0, dtype=np.int64)] * len(object_ids)
    order = np.argsort(scene.instance_ids, kind="stable")
    sorted_ids = scene.instance_ids[order]
    starts = np.searchsorted(sorted_ids, object_ids, side="left")
    ends = np.searchsorted(sorted_ids, object_ids, side="right")
    return [order[a:b] for a, b in zip(starts, ends, strict=True)]


def _box_edges(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 3) edge lengths; unlike extents along the axes they do not change with the frame."""
    edges: NDArray[np.float64] = np.linalg.norm(corners[:, [1, 2, 4]] - corners[:, :1], axis=2)
    return edges


def _extents(scene: Scene, members: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    extents = [np.ptp(scene.points[m], axis=0) if len(m) else np.zeros(3) for m in members]
    return np.reshape(extents, (-1, 3))


def _mean_colors(scene: Scene, members: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """(K, 3) mean sRGB, NaN where it is unknown."""
    unknown = np.full(3, np.nan)
    colors = scene.colors
    means = [unknown if colors is None or not len(m) else colors[m].mean(axis=0) for m in members]
    return np.reshape(means, (-1, 3))


def _color_name(rgb: NDArray[np.float64]) -> str:
    """The nearest basic colour term, or `""`."""
    if np.isnan(rgb).any():
        return ""
    return min(COLORS, key=lambda name: float(np.linalg.norm(rgb - COLORS[name])))
