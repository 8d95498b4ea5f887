"""The first points within a radius (ll3da section 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.errors import ShapeError
from posealign_core.nn.point_ops.engine import choose_engine, load_engine
from posealign_core.nn.point_ops.furthest import check_cloud

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ball_query"]


def ball_query(
    centers: Tensor, xyz: Tensor, radius: float, n_samples: int, *, engine: str | None = None
) -> Tensor:
    """Find, for each centre, the first points of the cloud that lie within a radius.

    A point is a hit when its squared distance, in float32 as in furthest point sampling, is below
    the squared radius. Hits come in the order of the cloud, not of distance; places that are left
    hold the first hit again, and a ball without a hit holds point 0.

    Args:
        centers: (B, M, 3) finite coordinates, metres.
        xyz: (B, N, 3) finite coordinates, metres.
        radius: Of the ball, metres, exclusive.
        n_samples: S, hits that are kept.
        engine: One of `ENGINES`; None chooses by device.

    Returns:
        (B, M, S) int64 rows of `xyz`.

    Raises:
        ShapeError: A tensor is not (B, n, 3), or the two differ in B.
    """
    check_cloud(xyz, "ball query")
    check_cloud(centers, "ball query")
    if len(centers) != len(xyz):
        raise ShapeError(
            f"ball query: wanted as many sets of centres as clouds, found {len(centers)} and "
            f"{len(xyz)}"
        )
    work = load_engine(engine or choose_engine(xyz.device))
    return work.ball(
        centers.detach().float().contiguous(), xyz.detach().float().contiguous(), radius, n_samples
    )
