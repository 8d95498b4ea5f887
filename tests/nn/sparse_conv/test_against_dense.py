"""Sparse convolutions against torch's dense ones on the same grid filled up with zeros."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from posealign_core.nn.sparse_conv import (
    InverseConv3d,
    SparseTensor,
    StridedConv3d,
    SubmanifoldConv3d,
    sparse_tensor,
)

SHAPES = [(7, 6, 5), (8, 8, 8), (1, 3, 2), (2, 2, 2), (9, 1, 4)]


def dense(x: SparseTensor) -> Tensor:
    b, i, j, k = x.grid.indices.long().unbind(1)
    volume = x.features.new_zeros(x.grid.batch_size, *x.grid.spatial_shape, x.features.shape[1])
    return volume.index_put((b, i, j, k), x.features).movedim(-1, 1)


def at_voxels(volume: Tensor, x: SparseTensor) -> Tensor:
    b, i, j, k = x.grid.indices.long().unbind(1)
    return volume.movedim(1, -1)[b, i, j, k]


@pytest.mark.parametrize("shape", SHAPES)
def test_submanifold(random_tensor, shape):
    x = random_tensor(shape)
    layer = SubmanifoldConv3d(3, 4, key="a")
    expected = nn.functional.conv3d(dense(x), layer.weight.movedim(-1, 1), padding=1)
    out = layer(x)
    assert out.grid is x.grid
    torch.testing.assert_close(out.features, at_voxels(expected, x))


def test_submanifold_bias(random_tensor):
    """Zero at first; added at every voxel, and trained with the weight."""
    x = random_tensor((7, 6, 5))
    layer = SubmanifoldConv3d(3, 4, key="a", bias=True)
    assert not layer.bias.any()
    nn.init.normal_(layer.bias)
    volume = nn.functional.conv3d(dense(x), layer.weight.movedim(-1, 1), layer.bias, padding=1)
    out = layer(x).features
    torch.testing.assert_close(out, at_voxels(volume, x))
    out.sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), float(len(x.grid))))
    assert "bias" not in SubmanifoldConv3d(3, 4, key="a").state_dict()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("step", [-1, 1])
def test_submanifold_offsets_follow_the_axes(axis, step):
    """A kernel of one tap fetches the neighbour on that side, of the same item only."""
    places = [[item, *([1] * axis), i, *([1] * (2 - axis))] for item in (0, 1) for i in range(3)]
    x = sparse_tensor(torch.arange(1.0, 7.0)[:, None], torch.tensor(places), (3, 3, 3), 2)
    layer = SubmanifoldConv3d(1, 1, key="a")
    tap = [1, 1, 1]
    tap[axis] += step
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, tap[0], tap[1], tap[2], 0] = 1
    expected = {-1: [0, 1, 2, 0, 4, 5], 1: [2, 3, 0, 5, 6, 0]}[step]
    assert layer(x).features.flatten().tolist() == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_strided_and_inverse(random_tensor, shape):
    x = random_tensor(shape)
    down, up = StridedConv3d(3, 4, key="d"), InverseConv3d(4, 5, key="d")
    coarse = down(x)
    if 1 in shape:  # a single plane has no parent, so nothing is left
        assert len(coarse.grid) == 0
        assert not up(coarse).features.any()
        return
    expected = nn.functional.conv3d(dense(x), down.weight.movedim(-1, 1), stride=2)
    torch.testing.assert_close(coarse.features, at_voxels(expected, coarse))
    assert coarse.grid.spatial_shape == tuple(expected.shape[2:])
    occupied = nn.functional.max_pool3d((dense(x).abs().sum(1, keepdim=True) > 0).float(), 2)
    assert len(coarse.grid) == int(occupied.sum())

    fine = up(coarse)
    assert fine.grid is x.grid
    volume = nn.functional.conv_transpose3d(
        dense(coarse), up.weight.permute(4, 0, 1, 2, 3), stride=2
    )
    padding = [p for n, m in zip(shape, volume.shape[2:], strict=True) for p in (n - m, 0)]
    volume = nn.functional.pad(volume, padding[::-1])
    torch.testing.assert_close(fine.features, at_voxels(volume, x))


def test_odd_last_plane_has_no_parent(random_tensor):
    x = random_tensor((5, 4, 4), batch_size=1, density=1.0)
    down, up = StridedConv3d(3, 3, key="d"), InverseConv3d(3, 3, key="d")
    fine = up(down(x))
    lost = x.grid.indices[:, 1] == 4
    assert int(lost.sum()) == 16
    assert not fine.features[lost].any()
    assert fine.features[~lost].abs().sum(1).min() > 0
    only_last_plane = x.with_features(torch.where(lost[:, None], x.features, 0.0))
    assert not StridedConv3d(3, 3, key="other")(only_last_plane).features.any()


def test_each_item_of_a_batch_is_alone(random_tensor):
    x = random_tensor(batch_size=3)
    layer = SubmanifoldConv3d(3, 4, key="a")
    first = x.grid.indices[:, 0] == 0
    changed = torch.where(first[:, None], x.features, x.features + 1.0)
    torch.testing.assert_close(
        layer(x).features[first], layer(x.with_features(changed)).features[first], rtol=0, atol=0
    )


def test_gradients_equal_those_of_the_dense_convolution(random_tensor):
    x = random_tensor((6, 5, 4), dtype=torch.float64)
    layer = SubmanifoldConv3d(3, 4, key="a").double()
    leaf = x.features.requires_grad_()
    weights = torch.randn(len(leaf), 4, dtype=torch.float64)
    loss = (layer(x).features * weights).sum()
    sparse = torch.autograd.grad(loss, [leaf, layer.weight])
    volume = nn.functional.conv3d(dense(x), layer.weight.movedim(-1, 1), padding=1)
    expected = torch.autograd.grad((at_voxels(volume, x) * weights).sum(), [leaf, layer.weight])
    for got, want in zip(sparse, expected, strict=True):
        torch.testing.assert_close(got, want)
