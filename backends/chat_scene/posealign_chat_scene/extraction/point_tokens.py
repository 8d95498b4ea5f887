"""Point tokens of the 3-D encoder: sampled centres, their neighbours, and a small PointNet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from posealign_core.nn.point_ops import choose_engine
from posealign_core.nn.point_ops.engine import load_engine

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GroupEncoder", "PointGroups", "group_points_of"]


class PointGroups(NamedTuple):
    """Groups of neighbouring points.

    Attributes:
        centers: (B, G, 3) positions of the groups' centres.
        members: (B, G, S, 6) of each neighbour: position minus centre, red, green, blue.
    """

    centers: Tensor
    members: Tensor


def group_points_of(
    points: Tensor, colors: Tensor, lengths: Tensor, *, n_groups: int, group_size: int
) -> PointGroups:
    """Sample centres furthest from each other, and find the nearest neighbours of each.

    Of equally near neighbours the earlier ones are taken, so a cloud has the same groups alone and
    in a padded batch.

    Args:
        points: (B, N, 3) float32 in the order of `tie_order`; rows past a cloud's length repeat its
            first point.
        colors: (B, N, 3) float32.
        lengths: (B,) int64 points of each cloud, at least `group_size`.
        n_groups: G; with fewer points than that, points are sampled again.
        group_size: S.
    """
    engine = load_engine(choose_engine(points.device))
    centers = _rows(points, engine.furthest(points.contiguous(), n_groups, True))
    neighbours = _nearest(centers, points, lengths, group_size)
    shape = (len(points), n_groups, group_size, 3)
    offsets = _rows(points, neighbours.flatten(1)).view(shape) - centers[:, :, None]
    tints = _rows(colors, neighbours.flatten(1)).view(shape)
    return PointGroups(centers, torch.cat([offsets, tints], dim=-1))


def _nearest(centers: Tensor, points: Tensor, lengths: Tensor, n: int) -> Tensor:
    """Rows (B, G, n) of the points nearest to each centre."""
    apart = torch.cdist(centers, points, compute_mode="donot_use_mm_for_euclid_dist")
    places = torch.arange(points.shape[1], device=points.device)
    apart.masked_fill_((places >= lengths[:, None])[:, None], torch.inf)
    # The bits of a positive float order as the float does; the row beneath them breaks ties.
    ranked = (apart.view(torch.int32).long() << 32) | places
    return ranked.topk(n, dim=2, largest=False).indices


def _rows(values: Tensor, indices: Tensor) -> Tensor:
    """`out[b, j] = values[b, indices[b, j]]`, of values (B, N, C) and indices (B, M)."""
    return values.gather(1, indices[..., None].expand(-1, -1, values.shape[2]))


class GroupEncoder(nn.Module):
    """A PointNet over each group: two layers, maximum, two layers, maximum.

    Args:
        width: C, width of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(
            nn.Conv1d(6, 128, 1), nn.BatchNorm1d(128), nn.ReLU(inplace=True), nn.Conv1d(128, 256, 1)
        )
        self.second_conv = nn.Sequential(
            nn.Conv1d(512, 512, 1),
            nn.BatchNorm1d(512),
            nn.ReLU(inplace=True),
            nn.Conv1d(512, width, 1),
        )

    def forward(self, members: Tensor) -> Tensor:
        """Encode groups (B, G, S, 6) as tokens (B, G, C)."""
        batch, n_groups = members.shape[:2]
        each = self.first_conv(members.flatten(0, 1).transpose(1, 2))
        whole = each.amax(dim=2, keepdim=True).expand_as(each)
        tokens: Tensor = self.second_conv(torch.cat([whole, each], dim=1)).amax(dim=2)
        return tokens.view(batch, n_groups, -1)
