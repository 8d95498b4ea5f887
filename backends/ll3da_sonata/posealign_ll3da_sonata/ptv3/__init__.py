"""Point Transformer V3 as Sonata trained it: from a coloured cloud to features per voxel.

The published checkpoints load by key and shape (`sonata_ptv3`, the specification that sections in
this package refer to).
"""

from __future__ import annotations

from posealign_ll3da_sonata.ptv3.checkpoint import load_encoder
from posealign_ll3da_sonata.ptv3.cloud import CloudOptions, VoxelCloud, collate, make_cloud
from posealign_ll3da_sonata.ptv3.config import BASE, SMALL, EncoderConfig, EncoderOptions
from posealign_ll3da_sonata.ptv3.encoder import PointTransformer, draw_permutations
from posealign_ll3da_sonata.ptv3.points import PointBatch, Stage
from posealign_ll3da_sonata.ptv3.upcasting import upcast, upcast_width

__all__ = [
    "BASE",
    "SMALL",
    "CloudOptions",
    "EncoderConfig",
    "EncoderOptions",
    "PointBatch",
    "PointTransformer",
    "Stage",
    "VoxelCloud",
    "collate",
    "draw_permutations",
    "load_encoder",
    "make_cloud",
    "upcast",
    "upcast_width",
]
