"""Features of small fixed encoders, made from a scene's points as it is read.

The encoders are those of `extraction` at a small size, with random weights that never change. They
are built where they are first needed, once in a process.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from posealign_chat_scene.extraction.cloud_batches import Precision, encode_clouds
from posealign_chat_scene.extraction.dinov2 import TINY_IMAGES, Dinov2, encode_images
from posealign_chat_scene.extraction.object_clouds import MIN_POINTS, ObjectCloud
from posealign_chat_scene.extraction.patches import ImageFit, fit_image, fused_features
from posealign_chat_scene.extraction.random_weights import random_weights
from posealign_chat_scene.extraction.uni3d import TINY, Uni3D
from posealign_chat_scene.extraction.views import object_views, visible_pixels
from posealign_chat_scene.objects.features import FeatureSource, KnownObjects
from posealign_chat_scene.objects.virtual_frames import virtual_frames
from posealign_core.errors import ConfigError
from posealign_core.structures.regions import points_in_box, points_of_objects
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample, Scene

__all__ = ["TINY_SEED", "TinyFeatures"]

TINY_SEED = 0
"""Seed of both encoders; the shipped weights depend on it."""
_SIZES = replace(TINY, n_groups=16, group_size=8)
_MOST_POINTS = 128
_N_KEPT = 512
_GREY = 128
_EXACT = Precision.FLOAT32


class TinyFeatures(FeatureSource):
    """Features of a scene's points, and of renderings of them from above two of its corners.

    Args:
        config: Of the backbone.

    Raises:
        ConfigError: Its sizes are not those of the small encoders, or features are to be made
            again in a way that needs tables.
    """

    def __init__(self, config: ChatSceneConfig) -> None:
        network, wanted = config.network, (TINY.dim, TINY_IMAGES.dim)
        faults = []
        if (network.point_dim, network.image_dim) != wanted:
            faults.append(
                f"network.point_dim, network.image_dim: wanted {wanted} with objects.features = "
                f"'tiny', found {(network.point_dim, network.image_dim)}"
            )
        if config.objects.reextract == "yaw":
            faults.append("objects.reextract: wanted 'none' or 'exact' with features = 'tiny'")
        if faults:
            raise ConfigError(faults, source="backbone.config")
        self._reextract = config.objects.reextract == "exact"

    def of(self, sample: AlignedSample, proposals: Proposals) -> KnownObjects:
        """Encode a scene's objects, as they stand along the axes or, re-extracted, in INPUT."""
        moved = self._reextract and AlignMode.TRANSFORM in sample.settings.modes
        scene = sample.scene
        aligned = proposals.aligned_from_input.apply(scene.points)
        members = _members(scene, proposals)
        colors = np.full((len(scene), 3), _GREY, np.uint8) if scene.colors is None else scene.colors
        key = _digest(aligned, colors, members, moved=scene.points if moved else None)
        if key not in _KEPT:
            images = _encoded_images(aligned, colors, members)
            points = _encoded_points(scene.points if moved else aligned, colors, members)
            _KEPT[key] = _joined(len(proposals), points, images)
            while len(_KEPT) > _N_KEPT:
                _KEPT.popitem(last=False)
        _KEPT.move_to_end(key)
        return _KEPT[key]


_KEPT: OrderedDict[str, KnownObjects] = OrderedDict()


@lru_cache(maxsize=1)
def _point_encoder() -> Uni3D:
    return random_weights(Uni3D(_SIZES), TINY_SEED)


@lru_cache(maxsize=1)
def _image_encoder() -> Dinov2:
    return random_weights(Dinov2(TINY_IMAGES), TINY_SEED)


def _members(scene: Scene, proposals: Proposals) -> list[NDArray[np.int64]]:
    """Point indices of each object; of a detected one, those in its box."""
    if not proposals.are_detected:
        return [np.flatnonzero(points_of_objects(scene, [i])) for i in proposals.object_ids]
    boxes = () if proposals.corners is None else proposals.corners
    return [np.flatnonzero(points_in_box(scene.points, corners)) for corners in boxes]


def _encoded_points(
    points: NDArray[np.float64],
    colors: NDArray[np.uint8],
    members: Sequence[NDArray[np.int64]],
) -> Mapping[int, NDArray[np.float32]]:
    """Features by row, of the objects with points enough."""
    encoder = _point_encoder()
    clouds = []
    for row, own in enumerate(members):
        if len(own) >= MIN_POINTS:
            some = own[:: -(-len(own) // _MOST_POINTS)]
            least = encoder.config_of_sizes.group_size
            clouds.append(
                ObjectCloud.build(row, points[some].astype(np.float32), colors[some], least=least)
            )
    if not clouds:
        return {}
    found = encode_clouds(encoder, clouds, batch_size=len(clouds), precision=_EXACT)
    rows = [cloud.object_id for cloud in clouds]
    return dict(zip(rows, found.numpy(), strict=True))


def _encoded_images(
    points: NDArray[np.float64],
    colors: NDArray[np.uint8],
    members: Sequence[NDArray[np.int64]],
) -> Mapping[int, NDArray[np.float32]]:
    """Features by row, of the objects that an image shows."""
    if not len(points):
        return {}
    by_row = dict(enumerate(members))
    images, views = [], []
    for frame in virtual_frames(points, colors):
        shown = object_views(by_row, *visible_pixels(points, frame))
        if shown:
            images.append(fit_image(frame.color, ImageFit.FULL_FRAME))
            views.append(shown)
    if not images:
        return {}
    stacked = np.stack(images)
    patches = encode_images(_image_encoder(), stacked, batch_size=len(stacked), precision=_EXACT)
    return {row: vector.numpy() for row, vector in fused_features(patches, views).items()}


def _joined(
    n: int, points: Mapping[int, NDArray[np.float32]], images: Mapping[int, NDArray[np.float32]]
) -> KnownObjects:
    def rows(found: Mapping[int, NDArray[np.float32]], dim: int) -> NDArray[np.float32]:
        values = np.zeros((n, dim), np.float32)
        for row, vector in found.items():
            values[row] = vector
        return values

    return KnownObjects(
        rows(points, TINY.dim), rows(images, TINY_IMAGES.dim), (n - len(points), n - len(images))
    )


def _digest(
    aligned: NDArray[np.float64],
    colors: NDArray[np.uint8],
    members: Sequence[NDArray[np.int64]],
    *,
    moved: NDArray[np.float64] | None,
) -> str:
    """Name of a scene's content; rounded, so that the way there does not matter."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.round(aligned, 3).astype(np.float32).tobytes())
    digest.update(np.ascontiguousarray(colors).tobytes())
    for own in members:
        digest.update(own.tobytes() + b"|")
    if moved is not None:
        digest.update(np.round(moved, 3).astype(np.float32).tobytes())
    return digest.hexdigest()
