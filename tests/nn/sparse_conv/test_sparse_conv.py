from __future__ import annotations

import pytest
import torch

from posealign_core.errors import ConfigError, ShapeError
from posealign_core.nn.sparse_conv import (
    InverseConv3d,
    PointwiseConv3d,
    SparseSequential,
    StridedConv3d,
    SubmanifoldConv3d,
    choose_engine,
    sparse_tensor,
)
from posealign_core.nn.sparse_conv import engine as engine_module
from posealign_core.nn.sparse_conv.gather_matmul import gather_matmul
from posealign_core.nn.sparse_conv.kernel_map import strided_map, submanifold_map


def test_neighbour_convention_by_hand():
    """Cross-correlation: the kernel cell (2, 1, 1) reads the voxel one further along x."""
    x = sparse_tensor(
        torch.tensor([[10.0], [1.0]]), torch.tensor([[0, 3, 3, 3], [0, 4, 3, 3]]), (8, 8, 8), 1
    )
    layer = SubmanifoldConv3d(1, 1, key="a")
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 2, 1, 1, 0] = 7.0
        assert layer(x).features.tolist() == [[7.0], [0.0]]


def test_neighbours_do_not_wrap_around_an_edge():
    """(0, 0, 3) and (0, 1, 0) follow each other in memory, but do not touch."""
    cells = torch.tensor([[0, 0, 0, 3], [0, 0, 2, 0], [1, 0, 0, 0], [0, 3, 3, 3]])
    layer = SubmanifoldConv3d(1, 1, key="a")
    out = layer(sparse_tensor(torch.ones(4, 1), cells, (4, 4, 4), 2)).features
    torch.testing.assert_close(out, layer.weight[0, 1, 1, 1].expand(4, 1))


def test_pointwise_reads_the_weight_as_a_matrix_of_inputs_by_outputs():
    layer = PointwiseConv3d(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(6.0).view(3, 1, 1, 1, 2))
        x = sparse_tensor(torch.tensor([[1.0, 10.0]]), torch.zeros(1, 4).int(), (2, 2, 2), 1)
        # Rows of the memory 0..5 read as (in=2, out=3) are [0 1 2] and [3 4 5].
        assert layer(x).features.tolist() == [[30.0, 41.0, 52.0]]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("build", [submanifold_map, lambda *args: strided_map(*args)[0]])
def test_gradcheck(random_tensor, build, transpose):
    grid = random_tensor((3, 4, 3), density=0.5).grid
    kernel_map = build(grid.indices, grid.spatial_shape)
    if transpose:
        kernel_map = kernel_map.transposed()
    features = torch.randn(kernel_map.n_sources, 2, dtype=torch.float64, requires_grad=True)
    n_offsets = len(kernel_map.sources)
    weight = torch.randn(n_offsets, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gather_matmul, (features, weight, kernel_map))


def test_bfloat16_is_summed_in_float32():
    """In bfloat16, 256 + 1 + ... + 1 stays 256; in float32 the 26 neighbours count."""
    cells = torch.cartesian_prod(torch.zeros(1), *[torch.arange(3.0)] * 3).int()
    layer = SubmanifoldConv3d(1, 1, key="a")
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight[0, 0, 0, 0, 0] = 256.0
    layer.bfloat16()
    for context in (torch.autocast("cpu", enabled=False), torch.autocast("cpu", torch.bfloat16)):
        with context:
            out = layer(sparse_tensor(torch.ones(27, 1).bfloat16(), cells, (3, 3, 3), 1)).features
        assert out.dtype is torch.bfloat16
        assert out[13].item() == 282.0


def test_one_voxel_goes_down_and_up():
    x = sparse_tensor(torch.ones(1, 2), torch.tensor([[0, 7, 7, 7]]), (8, 8, 8), 1)
    layers = [StridedConv3d(2, 2, key=f"d{i}") for i in range(3)]
    back = [InverseConv3d(2, 2, key=f"d{i}") for i in reversed(range(3))]
    out = SparseSequential(*layers, *back)(x)
    assert out.grid is x.grid
    expected = x.features
    for layer in (*layers, *back):
        expected = expected @ layer.weight[:, 1, 1, 1].T
    torch.testing.assert_close(out.features, expected)


def test_no_voxel_at_all():
    x = sparse_tensor(torch.ones(0, 2), torch.zeros(0, 4).int(), (8, 8, 8), 1)
    net = SparseSequential(
        SubmanifoldConv3d(2, 3, key="s"), StridedConv3d(3, 4, key="d"), InverseConv3d(4, 5, key="d")
    )
    assert net(x).features.shape == (0, 5)


def test_kernel_maps_are_built_once_per_key(random_tensor, monkeypatch):
    from posealign_core.nn.sparse_conv import torch_engine

    calls = []
    build = torch_engine.submanifold_map
    monkeypatch.setattr(
        torch_engine, "submanifold_map", lambda *args: calls.append(args) or build(*args)
    )
    SparseSequential(*[SubmanifoldConv3d(3, 3, key="a") for _ in range(3)])(random_tensor())
    assert len(calls) == 1


def test_same_result_every_time(random_tensor):
    layer = SubmanifoldConv3d(3, 4, key="a")
    assert torch.equal(layer(random_tensor()).features, layer(random_tensor()).features)


@pytest.mark.parametrize(
    ("features", "indices", "shape"),
    [
        (torch.ones(2, 3), torch.zeros(2, 3).int(), (4, 4, 4)),
        (torch.ones(2, 3), torch.zeros(3, 4).int(), (4, 4, 4)),
        (torch.ones(2), torch.zeros(2, 4).int(), (4, 4, 4)),
        (torch.ones(1, 3), torch.tensor([[0, 4, 0, 0]]), (4, 4, 4)),
        (torch.ones(1, 3), torch.tensor([[1, 0, 0, 0]]), (4, 4, 4)),
        (torch.ones(1, 3), torch.tensor([[0, 0, -1, 0]]), (4, 4, 4)),
        (torch.ones(1, 3), torch.zeros(1, 4).int(), (4, 4)),
    ],
)
def test_malformed_tensors_are_refused(features, indices, shape):
    with pytest.raises(ShapeError, match="sparse tensor: wanted"):
        sparse_tensor(features, indices, shape, 1)


def test_two_voxels_in_one_cell_are_refused():
    x = sparse_tensor(torch.ones(3, 1), torch.tensor([[0, 1, 1, 1]] * 3), (4, 4, 4), 1)
    with pytest.raises(ShapeError, match="found 3 of which only 1 are distinct"):
        SubmanifoldConv3d(1, 1, key="a")(x)


def test_wrong_channels_and_misused_keys_are_refused(random_tensor):
    x = random_tensor()
    with pytest.raises(ShapeError, match="wanted 5 channels, found 3"):
        SubmanifoldConv3d(5, 3, key="a")(x)
    with pytest.raises(ShapeError, match="indice key 'd', found"):
        InverseConv3d(3, 3, key="d")(x)
    coarse = StridedConv3d(3, 3, key="d")(x)
    with pytest.raises(ShapeError, match="is taken"):
        StridedConv3d(3, 3, key="d")(x)
    with pytest.raises(ShapeError, match="another resolution"):
        SubmanifoldConv3d(3, 3, key="d")(coarse)
    with pytest.raises(ShapeError, match="does not lead to"):
        InverseConv3d(3, 3, key="d")(x)


def test_cpu_tensors_get_the_torch_engine():
    choice = choose_engine(torch.device("cpu"))
    assert choice.name == "torch"
    assert "cpu" in choice.reason


@pytest.mark.parametrize("fault", [None, "the installed spconv is its CPU build"])
def test_cuda_tensors_get_spconv_unless_it_cannot_serve_them(monkeypatch, fault):
    monkeypatch.setattr(engine_module, "_spconv_fault", lambda: fault)
    choice = choose_engine(torch.device("cuda"))
    assert choice.name == ("spconv" if fault is None else "torch")
    assert choice.reason == (fault or "spconv is installed with CUDA")


def test_unknown_engine_is_refused(random_tensor):
    with pytest.raises(ConfigError, match="'minkowski'"):
        random_tensor(engine="minkowski")
