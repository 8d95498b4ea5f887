"""2-D features of the objects of scans, from all frames that show them (chat_scene spec 2.4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from posealign_chat_scene.extraction.dinov2 import encode_images
from posealign_chat_scene.extraction.objects import MAX_OBJECTS
from posealign_chat_scene.extraction.parts import ScanFeatures, ScanWork
from posealign_chat_scene.extraction.patches import SIDE, fit_image, fused_features
from posealign_chat_scene.extraction.views import object_views, visible_pixels
from posealign_core.errors import DataError
from posealign_core.geometry import is_rigid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from posealign_chat_scene.extraction.cloud_batches import Precision
    from posealign_chat_scene.extraction.dinov2 import Dinov2
    from posealign_chat_scene.extraction.frames import FrameSource
    from posealign_chat_scene.extraction.objects import ObjectSource
    from posealign_chat_scene.extraction.patches import ImageFit
    from posealign_chat_scene.extraction.views import ObjectView

__all__ = ["ImageEncoder", "view_work"]

_LOST, _BLIND = "frames without a valid pose", "frames without depth"


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageEncoder:
    """A 2-D encoder and how it is run.

    Attributes:
        model: The encoder, on its device.
        fit: How a frame becomes a square.
        batch_size: Images at a time.
        precision: How matrices are multiplied.
    """

    model: Dinov2
    fit: ImageFit
    batch_size: int
    precision: Precision


@dataclass(frozen=True, kw_only=True, eq=False)
class _Prepared:
    """The frames of a scan that show an object, and what they show."""

    object_ids: tuple[int, ...]
    images: NDArray[np.uint8]
    views: Sequence[Sequence[ObjectView]]
    counts: Mapping[str, int]


def view_work(
    source: ObjectSource, frames: FrameSource, encoder: ImageEncoder
) -> ScanWork[_Prepared]:
    """Objects by the patches of every frame that shows them, (D,) float32."""
    return ScanWork(
        prepare=partial(_prepare, source, frames, encoder.fit), encode=partial(_encode, encoder)
    )


def _prepare(source: ObjectSource, frames: FrameSource, fit: ImageFit, scene_id: str) -> _Prepared:
    objects = source.read(scene_id)
    pairs = zip(objects.object_ids[:MAX_OBJECTS], objects.members[:MAX_OBJECTS], strict=True)
    members = dict(pairs)
    images, views = [], []
    counts: Counter[str] = Counter()
    for frame in frames.read(scene_id):
        counts["frames"] += 1
        if not is_rigid(frame.world_from_camera):
            counts[_LOST] += 1
            continue
        if frame.depth is None:
            counts[_BLIND] += 1
            continue
        shown = object_views(members, *visible_pixels(objects.scene.points, frame))
        if shown:
            images.append(fit_image(frame.color, fit))
            views.append(shown)
    if counts["frames"] == counts[_LOST] + counts[_BLIND]:
        raise DataError(
            f"scan {scene_id!r}: wanted frames with valid poses and depth, found none among "
            f"{counts['frames']}; occlusion cannot be told without depth"
        )
    return _Prepared(
        object_ids=objects.object_ids,
        images=np.stack(images) if images else np.zeros((0, SIDE, SIDE, 3), np.uint8),
        views=views,
        counts=counts,
    )


def _encode(encoder: ImageEncoder, scan: _Prepared) -> ScanFeatures:
    patches = encode_images(
        encoder.model, scan.images, batch_size=encoder.batch_size, precision=encoder.precision
    )
    vectors = fused_features(patches, scan.views)
    first, rest = scan.object_ids[:MAX_OBJECTS], scan.object_ids[MAX_OBJECTS:]
    reasons = {
        "never seen": tuple(i for i in first if i not in vectors),
        f"beyond {MAX_OBJECTS} objects": rest,
    }
    return ScanFeatures(
        vectors={i: vector.cpu() for i, vector in vectors.items()},
        skipped={reason: ids for reason, ids in reasons.items() if ids},
        counts={
            **scan.counts,
            "frames that show an object": len(scan.views),
            "views": sum(map(len, scan.views)),
        },
    )
