"""Encoders and clouds of a formula, as the specification's golden fixture has them (16.2)."""

from __future__ import annotations

import dataclasses

import torch

from posealign_ll3da_sonata.ptv3 import (
    EncoderConfig,
    EncoderOptions,
    PointBatch,
    PointTransformer,
)

TOY = EncoderConfig(
    depths=(2, 1, 1, 5, 1),
    channels=(16, 32, 32, 48, 64),
    n_heads=(1, 2, 2, 3, 4),
    patch_sizes=(48,) * 5,
)


def toy_encoder(config: EncoderConfig = TOY, **options) -> PointTransformer:
    """Weights by formula, in evaluation mode."""
    encoder = PointTransformer(config, EncoderOptions(**options))
    for i, (key, tensor) in enumerate(sorted(encoder.state_dict().items())):
        j = torch.arange(tensor.numel(), dtype=torch.float64).view(tensor.shape)
        wave = torch.sin(0.37 * (j + 1) + 1.7 * i)
        if tensor.ndim >= 2 and key != "embedding.mask_token":
            values = wave * (tensor.shape[0] / tensor.numel()) ** 0.5
        elif tensor.ndim == 1 and key.endswith("weight"):
            values = 1 + 0.1 * wave
        else:
            values = 0.1 * wave
        tensor.copy_(values)
    return encoder.eval()


def toy_cells(n, multiplier, x_size, y_size, z_size):
    """(n, 3) distinct cells scattered in a box."""
    t = torch.arange(n) * multiplier % (x_size * y_size * z_size)
    return torch.stack([t % x_size, t // x_size % y_size, t // (x_size * y_size)], dim=1)


def toy_points(*cells) -> PointBatch:
    """Voxels with features by formula."""
    joined = torch.cat(cells)
    i = torch.arange(len(joined), dtype=torch.float64)[:, None]
    return PointBatch(
        features=torch.sin(0.1 * i + 0.7 * torch.arange(9)).float(),
        coords=(0.02 * (joined + 0.5)).float(),
        cells=joined,
        counts=tuple(map(len, cells)),
    )


def golden_points() -> PointBatch:
    """Two samples, of 300 and 100 voxels."""
    return toy_points(toy_cells(300, 97, 11, 9, 7), toy_cells(100, 31, 6, 6, 6))


def permuted(points: PointBatch, order) -> PointBatch:
    """The same voxels of one sample in another order of rows."""
    return dataclasses.replace(
        points,
        features=points.features[order],
        coords=points.coords[order],
        cells=points.cells[order],
    )
