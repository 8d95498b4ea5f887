"""Our engine against spconv itself: the same features, weights and gradients.

spconv's CPU kernels are exact only on one thread, so torch and OpenMP are held to one.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from posealign_core.nn.sparse_conv import (
    InverseConv3d,
    PointwiseConv3d,
    SparseSequential,
    SparseTensor,
    StridedConv3d,
    SubmanifoldConv3d,
    sparse_tensor,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    spconv = pytest.importorskip("spconv.pytorch")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not torch.cuda.is_available():  # its CPU backward asks for a stream and never uses it
        monkeypatch.setattr("spconv.pytorch.ops.get_current_stream", lambda: 0)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def pyramid() -> SparseSequential:
    torch.manual_seed(3)
    return SparseSequential(
        SubmanifoldConv3d(3, 8, key="s1"),
        nn.ReLU(),
        SubmanifoldConv3d(8, 8, key="s1"),
        StridedConv3d(8, 12, key="d1"),
        SubmanifoldConv3d(12, 12, key="s2"),
        StridedConv3d(12, 16, key="d2"),
        nn.ReLU(),
        InverseConv3d(16, 12, key="d2"),
        SubmanifoldConv3d(12, 12, key="s2"),
        InverseConv3d(12, 8, key="d1"),
        PointwiseConv3d(8, 6),
        SubmanifoldConv3d(6, 6, key="s1"),
    )


def run(x: SparseTensor) -> list[torch.Tensor]:
    """Output and the gradients of features and of every weight."""
    net, leaf = pyramid(), x.features.clone().requires_grad_()
    out = net(x.with_features(leaf)).features
    loss = (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum()
    return [out.detach(), *torch.autograd.grad(loss, [leaf, *net.parameters()])]


@pytest.mark.parametrize("shape", [(24, 20, 16), (25, 19, 13)])
def test_adapter_and_torch_engine_agree(random_tensor, shape):
    ours = run(random_tensor(shape, density=0.15, engine="torch"))
    theirs = run(random_tensor(shape, density=0.15, engine="spconv"))
    for got, want in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_untouched_spconv_layers_take_our_weights(random_tensor):
    """Without the adapter: spconv's own modules with weights copied by name and shape."""
    x = random_tensor((13, 11, 9), density=0.3)
    ours = SparseSequential(
        SubmanifoldConv3d(3, 8, key="s"), StridedConv3d(8, 5, key="d"), PointwiseConv3d(5, 7),
        InverseConv3d(7, 4, key="d"),
    )  # fmt: skip
    theirs = spconv.SparseSequential(
        spconv.SubMConv3d(3, 8, 3, padding=1, bias=False, indice_key="s"),
        spconv.SparseConv3d(8, 5, 2, stride=2, bias=False, indice_key="d"),
        spconv.SubMConv3d(5, 7, 1, bias=False),
        spconv.SparseInverseConv3d(7, 4, 2, bias=False, indice_key="d"),
    )
    theirs.load_state_dict(ours.state_dict())
    tensor = spconv.SparseConvTensor(x.features, x.grid.indices, list(x.grid.spatial_shape), 2)
    out = theirs(tensor)
    torch.testing.assert_close(out.indices, x.grid.indices)
    torch.testing.assert_close(ours(x).features, out.features, rtol=1e-5, atol=1e-5)


def test_adapter_leaves_the_finer_grid_in_place(random_tensor):
    x = random_tensor(engine="spconv")
    out = SparseSequential(StridedConv3d(3, 4, key="d"), InverseConv3d(4, 3, key="d"))(x)
    assert out.grid is x.grid


def test_adapter_names_a_missing_way_back(random_tensor):
    from posealign_core.errors import ShapeError

    with pytest.raises(ShapeError, match="indice key 'd'"):
        InverseConv3d(3, 3, key="d")(random_tensor(engine="spconv"))


def test_adapter_computes_in_float32_for_bfloat16():
    indices = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1]])
    features = torch.randn(2, 3).bfloat16()
    layer = SubmanifoldConv3d(3, 4, key="s").bfloat16()
    outputs = [
        layer(sparse_tensor(features, indices, (2, 2, 2), 1, engine=engine)).features
        for engine in ("torch", "spconv")
    ]
    assert outputs[1].dtype is torch.bfloat16
    torch.testing.assert_close(outputs[0], outputs[1])
