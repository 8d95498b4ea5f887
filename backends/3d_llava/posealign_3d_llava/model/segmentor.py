"""The omni superpoint transformer: from points to superpoint features and scene tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.batch_norm import BatchNorm
from posealign_3d_llava.model.decoder import SuperpointDecoder
from posealign_3d_llava.model.superpoints import pool_superpoints
from posealign_3d_llava.model.unet import UNet
from posealign_core.nn.segments import segment_mean
from posealign_core.nn.sparse_conv import SparseSequential, SubmanifoldConv3d, sparse_tensor
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.cloud import PointCloudBatch
    from posealign_3d_llava.model.config import TowerConfig
    from posealign_3d_llava.model.superpoints import Superpoints
    from posealign_core.nn.sparse_conv import SparseTensor

__all__ = ["SceneFeatures", "SuperpointTransformer"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneFeatures:
    """What the tower knows of B scenes; computed once, however many questions follow.

    Attributes:
        superpoints: Pooled features and centres.
        hidden: Decoder states h0, ..., h3, each (B, Q, D).
        class_logits: (B, Q, classes + 1).
    """

    superpoints: Superpoints
    hidden: tuple[Tensor, ...]
    class_logits: Tensor

    def of_scenes(self, scenes: Tensor) -> SceneFeatures:
        """The features of the listed scenes (R,) int64, in that order."""
        return replace(
            self,
            superpoints=self.superpoints.of_scenes(scenes),
            hidden=tuple(h[scenes] for h in self.hidden),
            class_logits=self.class_logits[scenes],
        )


class SuperpointTransformer(nn.Module):
    """U-Net, superpoint pooling, decoder (specification sections 2.1, 3.1 to 3.3).

    Args:
        config: Sizes and fidelity.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width, frozen = config.planes[0], config.fidelity.batch_norm
        self.centre_per_scene = config.fidelity.coordinate_mean is Fidelity.CORRECT
        self.input_conv = SparseSequential(SubmanifoldConv3d(6, width, key="subm1"))
        self.unet = UNet(config.planes, config.blocks_per_level, frozen)
        self.output_layer = SparseSequential(BatchNorm(width, frozen), nn.ReLU())
        self.pos_encode = nn.Sequential(
            nn.Linear(3, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width)
        )
        self.decoder = SuperpointDecoder(config)
        self.alignment_proj = nn.Sequential(nn.Linear(config.width, config.token_width))

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights; coordinates and colours are rounded to it before anything else."""
        return self.decoder.out_sem.weight.dtype

    def forward(self, cloud: PointCloudBatch) -> SceneFeatures:
        """Encode a batch of scenes."""
        return self.refine(self.pool(cloud))

    def pool(self, cloud: PointCloudBatch) -> Superpoints:
        """The first half: from points to superpoints, each on its own."""
        coords = cloud.coords.to(self.dtype)
        voxels = self.output_layer(self.unet(self.input_conv(self.voxel_input(cloud))))
        return pool_superpoints(cloud, coords, voxels.features, self.pos_encode(coords))

    def refine(self, superpoints: Superpoints) -> SceneFeatures:
        """The second half: superpoints look at each other."""
        hidden = self.decoder(superpoints)
        return SceneFeatures(
            superpoints=superpoints,
            hidden=hidden,
            class_logits=self.decoder.class_logits(hidden[-1]),
        )

    def voxel_input(self, cloud: PointCloudBatch) -> SparseTensor:
        """Mean colour and centred position of each voxel's points: (M, 6) on the voxel grid."""
        coords, colors = cloud.coords.to(self.dtype), cloud.colors.to(self.dtype)
        scene = cloud.scene_of_point if self.centre_per_scene else 0 * cloud.scene_of_point
        means = segment_mean(coords, scene, len(cloud)).to(self.dtype)
        points = torch.cat([colors, coords - means[scene]], dim=1)
        features = segment_mean(points, cloud.point_to_voxel, len(cloud.voxel_indices))
        return sparse_tensor(
            features.to(self.dtype).detach(), cloud.voxel_indices, cloud.spatial_shape, len(cloud)
        )
