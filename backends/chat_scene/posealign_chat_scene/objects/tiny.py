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
from posealign_chat_scene.objects.proposals import members_of
from posealign_chat_scene.objects.virtual_frames import virtual_frames
from posealign_core.errors import ConfigError
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample

__all__ = ["TINY_SEED", "TinyFeatures", "tiny_features"]

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
        members = members_of(scene, proposals)
        colors = np.full((len(scene), 3), _GREY, np.uint8) if scene.colors is None else scene.colors
        key = _digest(aligned, colors, members, moved=scene.points if moved else None)
        if key not in _KEPT:
            turned = scene.points if moved else aligned
            _KEPT[key] = tiny_features(aligned, colors, members, turned=turned)
            while len(_KEPT) > _N_KEPT:
                _KEPT.popitem(last=False)
        _KEPT.move_to_end(key)
        return _KEPT[key]


def tiny_features(
    points: NDArray[np.float64],
    colors: NDArray[np.uint8],
    members: Sequence[NDArray[np.int64]],
    *,
    turned: NDArray[np.float64] | None = None,
) -> KnownObjects:
    """Encode the objects of a scene.

    Args:
        points: (N, 3) metres, in the axis-aligned frame.
        colors: (N, 3).
        members: Point indices of each object.
        turned: (N, 3) the same points, in the frame in which 3-D features are to be seen; as
            `points` where None.
    """
    images = _encoded_images(points, colors, members)
    found = _encoded_points(points if turned is None else turned, colors, members)
    return _joined(len(members), found, images)


_KEPT: OrderedDict[str, KnownObjects] = OrderedDict()


@lru_cache(maxsize=1)
def _point_encoder() -> Uni3D:
    return random_weights(Uni3D(_SIZES), TINY_SEED)


@lru_cache(maxsize=1)
def _image_encoder() -> Dinov2:
    return random_weights(Dinov2(TINY_IMAGES), TINY_SEED)


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
    digest.update(_millimetres(aligned))
    digest.update(np.ascontiguousarray(colors).tobytes())
    for own in members:
        digest.update(own.tobytes() + b"|")
    if moved is not None:
        digest.update(_millimetres(moved))
    return digest.hexdigest()


def _millimetres(points: NDArray[np.float64]) -> bytes:
    return np.rint(points * 1000).astype(np.int32).tobytes()
