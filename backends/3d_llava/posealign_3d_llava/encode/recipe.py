"""Which geometric steps a kind of question takes, and in which order (section 1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_3d_llava.encode.elastic import elastic_distortion
from posealign_3d_llava.encode.placement import Placement, bounds, flipped, stirred
from posealign_core.errors import DataError
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample

__all__ = ["RECIPES", "Placed", "Recipe", "place"]

KEPT_SHARE = 0.8
DROPOUT_PROBABILITY = 0.5


class Recipe(NamedTuple):
    """The steps that a kind of question has, where the sample's policy allows them.

    Attributes:
        axis_align: Turn walls onto the axes.
        flip: Mirror at random.
        max_turn_rad: Largest random turn about z.
        elastic: Distort voxel cells at random.
    """

    axis_align: bool
    flip: bool
    max_turn_rad: float
    elastic: bool


_REFERRING = Recipe(axis_align=False, flip=True, max_turn_rad=3.14, elastic=True)
RECIPES = {
    TaskKind.GROUND: _REFERRING,
    TaskKind.SELECT: _REFERRING,
    TaskKind.ANSWER: Recipe(axis_align=True, flip=False, max_turn_rad=0.088, elastic=False),
    TaskKind.CAPTION: Recipe(axis_align=True, flip=True, max_turn_rad=0.088, elastic=False),
}


class Placed(NamedTuple):
    """A scene after every step.

    Attributes:
        coords: (N', 3) metres.
        cells: (N', 3) int64 voxel of each point, from 0.
        rows: (N',) int64 row of each point in the scene; a training sample lacks some and shuffles
            the others.
        input_from_camera: (4, 4) the sample's pose in the frame of `coords`, or None.
    """

    coords: NDArray[np.floating]
    cells: NDArray[np.int64]
    rows: NDArray[np.int64]
    input_from_camera: NDArray[np.float64] | None


def place(
    sample: AlignedSample,
    kept: NDArray[np.bool_],
    voxel_size_m: float,
    *,
    train: bool,
    rng: np.random.Generator,
) -> Placed:
    """Take a sample through the steps of its kind.

    Args:
        sample: In training, its policy decides which random steps are taken.
        kept: (N,) points of which dropout must leave some.
        voxel_size_m: Edge of a voxel.
        train: Whether to augment.
        rng: Drawn from in training only.

    Raises:
        DataError: The scene has no points, or some that are not finite.
    """
    recipe, policy = RECIPES[sample.query.kind], sample.policy
    placement = _start(sample, align=recipe.axis_align and policy.axis_align)
    rows = np.arange(len(placement.points))
    if policy.center:
        placement = placement.centered(z=True)
    if train and policy.dropout:
        rows = _dropout(kept, rng)
        placement = placement._replace(points=placement.points.take(rows, axis=0))
    if train and recipe.flip and policy.flip:
        placement = flipped(placement, rng)
    if train:
        placement = stirred(placement, recipe.max_turn_rad, policy, rng)
    cells = placement.points / placement.points.dtype.type(voxel_size_m)
    if train and recipe.elastic and policy.elastic:
        cells = elastic_distortion(cells, rng)
    cells = (cells - bounds(cells)[0]).astype(np.int64)
    if policy.center:
        placement = placement.centered(z=False)
    order = rng.permutation(len(rows)) if train else np.arange(len(rows))
    return Placed(
        placement.points.take(order, axis=0),
        cells.take(order, axis=0),
        rows.take(order),
        placement.input_from_camera,
    )


def _start(sample: AlignedSample, *, align: bool) -> Placement:
    """The scene as it comes, with walls on the axes if wanted.

    Untouched coordinates stay float32, as files hold them: in float64, points at the border of a
    voxel would fall into another one than in the release.
    """
    scene = sample.scene
    if len(scene) == 0 or not np.isfinite(scene.points).all():
        raise DataError(
            f"scene {scene.scene_id!r}: wanted at least one point and finite coordinates, found "
            f"{len(scene)} points, {int((~np.isfinite(scene.points)).any(axis=1).sum())} not finite"
        )
    pose = None if sample.pose is None else sample.pose.reference_from_camera.matrix
    if align:
        aligned_from_input = scene.aligned_from_world.matrix @ np.linalg.inv(
            sample.input_from_world.matrix
        )
        return Placement(scene.points, pose).aligned(aligned_from_input)
    exact = AlignMode.TRANSFORM in sample.settings.modes
    return Placement(scene.points if exact else scene.points.astype(np.float32), pose)


def _dropout(kept: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows that stay, in random order where some go; what must stay is not removed whole."""
    n = len(kept)
    if rng.random() >= DROPOUT_PROBABILITY:
        return np.arange(n)
    rows = rng.choice(n, max(1, int(n * KEPT_SHARE)), replace=False)
    return np.arange(n) if kept.any() and not kept[rows].any() else rows
