"""Encoded scenes, kept for the next questions about them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.superpoints import Superpoints
from posealign_core.nn.feature_cache import FeatureCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_3d_llava.model.cloud import PointCloudBatch
    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_3d_llava.model.tower import PointCloudTower

__all__ = ["SceneCache", "stack_features"]


class SceneCache:
    """Encodes each distinct cloud once, by itself, until the weights that encode it change.

    A thousand superpoints take about 4 MB in float32.
    """

    def __init__(self) -> None:
        self._cache: FeatureCache[SceneFeatures] = FeatureCache()

    def features(
        self, tower: PointCloudTower, clouds: Sequence[PointCloudBatch], digests: Sequence[str]
    ) -> SceneFeatures:
        """Encode scenes.

        Args:
            tower: What encodes.
            clouds: One scene each.
            digests: Names of their contents.
        """
        segmentor = tower.segmentor
        # All but `alignment_proj`, which is trained and comes after what is kept.
        encodes = nn.ModuleList(
            [
                segmentor.input_conv,
                segmentor.unet,
                segmentor.output_layer,
                segmentor.pos_encode,
                segmentor.decoder,
            ]
        )
        found = self._cache.get(
            encodes, digests, lambda places: [tower.encode(clouds[place]) for place in places]
        )
        return stack_features(found)


def stack_features(scenes: Sequence[SceneFeatures]) -> SceneFeatures:
    """Join single scenes, padding each to the largest; padding is zero and not valid."""
    width = max(scene.class_logits.shape[1] for scene in scenes)

    def stacked(parts: Sequence[Tensor]) -> Tensor:
        rows = [
            nn.functional.pad(p, (0, 0) * (p.ndim - 2) + (0, width - p.shape[1])) for p in parts
        ]
        return torch.cat(rows)

    points = [scene.superpoints for scene in scenes]
    return replace(
        scenes[0],
        superpoints=Superpoints(
            **{f.name: stacked([getattr(p, f.name) for p in points]) for f in fields(Superpoints)}
        ),
        hidden=tuple(stacked(level) for level in zip(*(s.hidden for s in scenes), strict=True)),
        class_logits=stacked([scene.class_logits for scene in scenes]),
    )
