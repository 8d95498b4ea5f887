"""Encoded scenes, kept for the next questions about them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.superpoints import Superpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_3d_llava.model.cloud import PointCloudBatch
    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_3d_llava.model.tower import PointCloudTower

__all__ = ["SceneCache", "stack_features"]

_N_KEPT = 64


class SceneCache:
    """Encodes each distinct cloud once, by itself, until the tower's weights change.

    A thousand superpoints take about 4 MB in float32.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, SceneFeatures] = OrderedDict()
        self._made_with: object = None

    def features(
        self, tower: PointCloudTower, clouds: Sequence[PointCloudBatch], digests: Sequence[str]
    ) -> SceneFeatures:
        """Encode scenes.

        Args:
            tower: What encodes.
            clouds: One scene each.
            digests: Names of their contents.
        """
        weights = _weights_version(tower)
        if weights != self._made_with:
            self._kept.clear()
            self._made_with = weights
        found = {}
        for cloud, digest in zip(clouds, digests, strict=True):
            if digest not in self._kept:
                self._kept[digest] = tower.encode(cloud)
            self._kept.move_to_end(digest)
            found[digest] = self._kept[digest]
        while len(self._kept) > _N_KEPT:
            self._kept.popitem(last=False)
        return stack_features([found[digest] for digest in digests])

    def __deepcopy__(self, memo: object) -> SceneCache:
        """A copy of a model starts without what the original kept."""
        return SceneCache()


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


def _weights_version(tower: PointCloudTower) -> object:
    """Something that changes when weights do: where they are, and how often they were written."""
    tensors = [*tower.parameters(), *tower.buffers()]
    return tuple((tensor.data_ptr(), tensor._version, tensor.dtype) for tensor in tensors)
