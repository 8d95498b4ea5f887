from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_3d_llava.model.cloud import PointCloud, PointCloudBatch
from posealign_core.errors import ShapeError


def cloud(cells: list[list[int]], superpoints: list[int]) -> PointCloud:
    array = np.array(cells)
    return PointCloud.from_arrays(array * 0.02, array * 0.0, array, np.array(superpoints))


def test_batch_by_hand():
    a = cloud([[0, 0, 0], [5, 0, 0], [0, 0, 0]], [1, 0, 0])
    b = cloud([[1, 2, 200], [1, 2, 3]], [0, 0])
    batch = PointCloudBatch.from_clouds([a, b])
    assert len(batch) == 2
    assert batch.scene_of_point.tolist() == [0, 0, 0, 1, 1]
    assert batch.voxel_indices.tolist() == [
        [0, 0, 0, 0],
        [0, 5, 0, 0],
        [1, 1, 2, 200],
        [1, 1, 2, 3],
    ]
    assert batch.point_to_voxel.tolist() == [0, 1, 0, 2, 3]
    assert batch.n_superpoints == (2, 1)
    assert batch.spatial_shape == (128, 128, 201)
    assert batch.voxel_indices.dtype is torch.int32


def test_moving_a_batch_takes_every_tensor():
    batch = PointCloudBatch.from_clouds([cloud([[0, 0, 0]], [0])]).to("meta")
    tensors = [v for v in vars(batch).values() if isinstance(v, torch.Tensor)]
    assert len(tensors) == 6
    assert all(t.device.type == "meta" for t in tensors)


@pytest.mark.parametrize(
    ("n", "superpoints", "message"),
    [
        (0, [], "of one length above 0"),
        (3, [0, 1], "of one length above 0"),
        (3, [0, 2, 2], "found 2 distinct values from 0 to 2"),
        (2, [1, 2], "without a gap from 0"),
        (2, [-1, 0], "from -1 to 0"),
    ],
)
def test_malformed_scenes_are_refused(n: int, superpoints: list[int], message: str):
    cells = np.zeros((n, 3), dtype=np.int64)
    with pytest.raises(ShapeError, match=message):
        PointCloud.from_arrays(cells * 1.0, cells * 1.0, cells, np.array(superpoints, dtype=int))
