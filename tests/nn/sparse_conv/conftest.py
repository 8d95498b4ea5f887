from __future__ import annotations

import pytest
import torch

from posealign_core.nn.sparse_conv import SparseTensor, sparse_tensor


@pytest.fixture
def random_tensor():
    """Build a random sparse tensor: `(shape, n_channels, batch, density, dtype, engine)`."""

    def build(
        shape: tuple[int, int, int] = (7, 6, 5),
        n_channels: int = 3,
        *,
        batch_size: int = 2,
        density: float = 0.4,
        dtype: torch.dtype = torch.float32,
        engine: str = "torch",
        seed: int = 0,
    ) -> SparseTensor:
        generator = torch.Generator().manual_seed(seed)
        occupied = torch.rand(batch_size, *shape, generator=generator) < density
        indices = occupied.nonzero()
        indices = indices[torch.randperm(len(indices), generator=generator)]
        features = torch.randn(len(indices), n_channels, generator=generator, dtype=dtype)
        return sparse_tensor(features, indices, shape, batch_size, engine=engine)

    return build
