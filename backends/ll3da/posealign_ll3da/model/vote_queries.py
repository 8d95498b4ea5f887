"""Queries at places that the tokens vote for (specification section 2.1, step 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from posealign_core.nn.point_ops import furthest_point_sampling
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.pointwise_mlp import normed_layers
from posealign_ll3da.model.set_abstraction import SetAbstraction

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.config import DetectorConfig

__all__ = ["VoteQueries", "Votes"]


class Votes(NamedTuple):
    """Where objects may be.

    Attributes:
        vote_xyz: (B, K, 3) the centre that each token votes for.
        xyz: (B, Q, 3) places of the queries.
        features: (B, C, Q).
    """

    vote_xyz: Tensor
    xyz: Tensor
    features: Tensor


class VoteQueries(nn.Module):
    """Every token shifts itself; a spread subset gathers what has been shifted nearby.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        width = config.width
        self.n_queries = config.n_queries
        self.skip_origin = config.fidelity.fps_origin is Fidelity.RELEASED
        self.FFN_vote = nn.Sequential(
            *normed_layers(width, width, None, bias=True),
            *normed_layers(width, width, None, bias=True),
            nn.Conv1d(width, 3 + width, 1),
        )
        self.set_abstraction = SetAbstraction(
            config.n_queries,
            config.radii_m[2],
            config.ball_sizes[2],
            (width,) * 4,
            skip_origin=self.skip_origin,
        )

    def forward(self, xyz: Tensor, features: Tensor) -> Votes:
        """Turn tokens at (B, K, 3) with features (B, C, K) into queries."""
        shifts = self.FFN_vote(features)
        vote_xyz = xyz + shifts[:, :3].mT
        voted = features + shifts[:, 3:]
        voted = voted / torch.linalg.vector_norm(voted, dim=1, keepdim=True)
        # Spread over the tokens, not over their votes, which gather at objects.
        rows = furthest_point_sampling(xyz, self.n_queries, skip_origin=self.skip_origin)
        gathered = self.set_abstraction(vote_xyz, voted, rows)
        return Votes(vote_xyz, gathered.xyz, gathered.features)
