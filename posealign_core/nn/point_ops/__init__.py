"""Sampling, neighbour search and grouping on point clouds, as PointNet++ networks need them.

Indices are exactly those of the CUDA originals (ll3da section 10), which weights were trained with:
which point wins a tie, which points lie on the border of a ball, and in which order neighbours
come. Numba does the work on the CPU, Triton on CUDA; nothing is compiled at install.
"""

from __future__ import annotations

from posealign_core.nn.point_ops.ball import ball_query
from posealign_core.nn.point_ops.engine import ENGINES, choose_engine
from posealign_core.nn.point_ops.furthest import furthest_point_sampling, tie_order
from posealign_core.nn.point_ops.gather import gather_points, group_points

__all__ = [
    "ENGINES",
    "ball_query",
    "choose_engine",
    "furthest_point_sampling",
    "gather_points",
    "group_points",
    "tie_order",
]
