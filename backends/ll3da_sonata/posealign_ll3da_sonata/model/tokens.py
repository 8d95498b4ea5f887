"""Scene tokens out of voxel features: sampled centres, and what lies around each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from posealign_core.nn.point_ops import furthest_point_sampling
from posealign_core.nn.segments import segment_mean
from posealign_ll3da.model.cloud import Extent
from posealign_ll3da_sonata.ptv3.upcasting import upcast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_ll3da_sonata.config import TokenConfig
    from posealign_ll3da_sonata.ptv3.points import PointBatch, Stage

__all__ = ["PaddedRows", "VoxelTokens", "padded_rows", "voxel_tokens"]

# From this length on, padding leaves the order of preference among equally far points alone.
_LEAST_LENGTH = 512


class PaddedRows(NamedTuple):
    """The rows of each sample of a batch, filled up to one length.

    Attributes:
        rows: (B, N) int64; a sample's own first row fills it up.
        valid: (B, N) bool.
    """

    rows: Tensor
    valid: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class VoxelTokens:
    """Tokens before the adapter.

    Attributes:
        features: (B, K, C) float32; zero where not valid.
        xyz: (B, K, 3) where they stand, metres.
        valid: (B, K) bool, False where a scene has fewer voxels than K.
        extent: Of the scenes' voxels.
    """

    features: Tensor
    xyz: Tensor
    valid: Tensor
    extent: Extent


def padded_rows(points: PointBatch, seed: int | None = None) -> PaddedRows:
    """The rows of each sample, from a drawn one on where there is a seed."""
    device = points.features.device
    n_longest = max(_LEAST_LENGTH, *points.counts)
    counts = torch.tensor(points.counts, device=device)[:, None]
    firsts = torch.tensor([0, *points.offsets[:-1]], device=device)[:, None]
    places = torch.arange(n_longest, device=device)
    starts = [0 if seed is None else _start(n, seed) for n in points.counts]
    begin = torch.tensor(starts, device=device)[:, None]
    valid = places < counts
    return PaddedRows(firsts + torch.where(valid, (places + begin) % counts, begin), valid)


def voxel_tokens(stages: Sequence[Stage], config: TokenConfig) -> VoxelTokens:
    """Sample voxels far from each other, and pool the features around them.

    Args:
        stages: Of the encoder.
        config: How.

    Returns:
        At most `n_tokens` tokens a scene; equal inputs give equal ones, in whatever batch.
    """
    points = stages[config.to_stage].points
    features = upcast(stages, n_joined=config.n_joined, to_stage=config.to_stage)
    padded = padded_rows(points, config.seed)
    xyz = points.coords[padded.rows]
    chosen = furthest_point_sampling(xyz, config.n_tokens, skip_origin=False)
    centers = xyz.gather(1, chosen[..., None].expand(-1, -1, 3))
    counts = padded.valid.sum(dim=1, keepdim=True)
    valid = torch.arange(config.n_tokens, device=xyz.device) < counts
    if config.pooling == "gather":
        pooled = features[padded.rows.gather(1, chosen)] * valid[..., None]
    else:
        pooled = _nearest_mean(features, padded, xyz, centers, valid)
    finest = stages[0].points
    return VoxelTokens(
        features=pooled.float(),
        xyz=centers,
        valid=valid,
        extent=Extent.of(finest.coords[padded_rows(finest).rows]),
    )


def _nearest_mean(
    features: Tensor, padded: PaddedRows, xyz: Tensor, centers: Tensor, valid: Tensor
) -> Tensor:
    """(B, K, C) means of the voxels that each centre is the nearest to."""
    n_scenes, n_tokens = valid.shape
    distances = torch.cdist(xyz, centers, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.masked_fill(~valid[:, None], torch.inf).argmin(dim=2)
    segments = nearest + n_tokens * torch.arange(n_scenes, device=xyz.device)[:, None]
    means = segment_mean(
        features[padded.rows[padded.valid]], segments[padded.valid], n_scenes * n_tokens
    )
    return means.view(n_scenes, n_tokens, -1)


def _start(n: int, seed: int) -> int:
    generator = torch.Generator().manual_seed(seed)
    return int(torch.randint(n, (), generator=generator))
