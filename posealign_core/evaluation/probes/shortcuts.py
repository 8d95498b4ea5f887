"""Shortcut controls: what is right by the looks of objects alone, and by their places alone."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from posealign_core.evaluation.probes.change import Change
from posealign_core.evaluation.probes.probe import Probe
from posealign_core.structures.regions import points_of_objects
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.evaluation.probes.probe import Subject
    from posealign_core.evaluation.probes.result import ProbeRow
    from posealign_core.structures import ObjectTable, Scene

__all__ = ["ExchangedPlaces", "HiddenLooks", "Shortcuts"]

_GREY = 128
_UNNAMED = "object"


class ExchangedPlaces(Change):
    """Every object stands where another one stood; what it looks like stays.

    Who goes where follows from the scan's name. Boxes are scored where objects are now.
    """

    def scene(self, scene: Scene) -> Scene:
        """See the base class; a scan without objects, or with one, stays as it is."""
        table = scene.objects
        if table is None or len(table) < 2:
            return scene
        order = np.random.default_rng(zlib.crc32(scene.scene_id.encode())).permutation(len(table))
        shifts = np.zeros((len(table), 3))
        shifts[order] = table.centers[np.roll(order, 1)] - table.centers[order]
        points = scene.points.copy()
        for object_id, shift in zip(table.object_ids.tolist(), shifts, strict=True):
            points[points_of_objects(scene, [object_id])] += shift
        corners = None if table.corners is None else table.corners + shifts[:, None]
        moved = replace(table, centers=table.centers + shifts, corners=corners)
        return replace(scene, points=points, objects=moved)


class HiddenLooks(Change):
    """Every object is a grey cloud of points in its own box, without a name: only places are left.

    Sizes stay. What a backbone looks up elsewhere by an object's id is not hidden by this.
    """

    def scene(self, scene: Scene) -> Scene:
        """See the base class; a scan without objects stays as it is."""
        table = scene.objects
        if table is None:
            return scene
        rng = np.random.default_rng(zlib.crc32(scene.scene_id.encode()))
        points = scene.points.copy()
        colors = None if scene.colors is None else scene.colors.copy()
        normals = None if scene.normals is None else scene.normals.copy()
        for row, object_id in enumerate(table.object_ids.tolist()):
            own = points_of_objects(scene, [object_id])
            if not own.any():
                continue
            points[own] = _spread(scene.points[own], table, row, rng)
            if colors is not None:
                colors[own] = _GREY
            if normals is not None:
                normals[own] = scene.up
        nameless = replace(
            table,
            labels=(_UNNAMED,) * len(table),
            features={k: np.zeros_like(values) for k, values in table.features.items()},
        )
        return replace(scene, points=points, colors=colors, normals=normals, objects=nameless)


class Shortcuts(Probe):
    """The run's model, shown objects without their places, and places without their objects."""

    title: ClassVar[str] = "Looks alone, places alone"
    shows: ClassVar[str] = (
        "A question about a direction needs both what objects look like and where they are: what "
        "is still right when every object stands in another one's place, or when all are grey "
        "boxes, was never read off the scene that was asked about."
    )

    def reason_to_skip(self, subject: Subject) -> str:
        """See the base class; a description has no right answer in another room."""
        is_caption = subject.queries[0].kind is TaskKind.CAPTION
        return "what is described would look or stand otherwise" if is_caption else ""

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """The run's score, and that of each control on the same questions."""
        own = subject.own()
        rows = subject.score_rows("as the run asks", own, None)
        for label, variant, change in (
            ("looks alone: objects in each other's places", "places", ExchangedPlaces()),
            ("places alone: objects as grey boxes", "looks", HiddenLooks()),
        ):
            rows += subject.score_rows(label, subject.ask(variant, change), own)
        return rows


def _spread(
    own: NDArray[np.float64], table: ObjectTable, row: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """As many points (n, 3) as an object has, anywhere in its box."""
    shares = rng.random((len(own), 3))
    if table.corners is None:
        low, high = own.min(axis=0), own.max(axis=0)
        edges = np.diag(high - low)
    else:
        low = table.corners[row, 0]
        edges = table.corners[row, [1, 2, 4]] - low
    points: NDArray[np.float64] = low + shares @ edges
    return points
