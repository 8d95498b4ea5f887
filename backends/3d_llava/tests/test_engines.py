"""The reference U-Net through spconv gives what it gives through our own engine."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING

import pytest
import torch

from posealign_core.nn.sparse_conv import SparseTensor, sparse_tensor

if TYPE_CHECKING:
    from posealign_3d_llava.model.cloud import PointCloudBatch
    from posealign_3d_llava.model.tower import PointCloudTower

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("spconv.pytorch")


def with_engine(tower: PointCloudTower, batch: PointCloudBatch, engine: str) -> SparseTensor:
    x = tower.segmentor.voxel_input(batch)
    return sparse_tensor(
        x.features, x.grid.indices, x.grid.spatial_shape, len(batch), engine=engine
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_voxel_features_of_both_engines(
    anchor_tower: PointCloudTower, anchor_batch: PointCloudBatch, dtype: torch.dtype
):
    tower = copy.deepcopy(anchor_tower).to(dtype)
    net = tower.segmentor
    ours, theirs = (
        net.unet(net.input_conv(with_engine(tower, anchor_batch, engine))).features
        for engine in ("torch", "spconv")
    )
    assert theirs.dtype is dtype
    if dtype is torch.float32:
        assert float(theirs.sum()) == pytest.approx(-86.6805, rel=1e-4)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    else:
        torch.testing.assert_close(ours, theirs, rtol=5e-2, atol=5e-2)
