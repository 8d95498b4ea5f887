"""What is kept of a room's voxels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.config import load_backbone_config
from posealign_ll3da.pretraining import rooms
from posealign_ll3da_sonata.encode.encoder import SonataEncoder
from posealign_ll3da_sonata.plugin import SPEC

if TYPE_CHECKING:
    from posealign_core.structures import AlignedSample
    from posealign_ll3da_sonata.encode.clouds import PlacedVoxels
    from posealign_rooms.pretraining import Row

__all__ = ["draw_rows", "draw_samples", "room_encoder"]


@functools.cache
def room_encoder() -> SonataEncoder:
    """The encoder of the tiny preset."""
    return SonataEncoder(load_backbone_config(SPEC, "tiny", {"pretrained": False}))


def draw_rows(n_looks: int, rng: np.random.Generator) -> list[Row]:
    """A room from some places, with questions; see LL3DA's `draw_rows`.

    Args:
        n_looks: From how many.
        rng: The only source of randomness.

    Returns:
        One row for each look, with `xyz` (M, 3), `features` (M, 9) and `cells` (M, 3) of its
        voxels.
    """
    return rooms.draw_rows(n_looks, rng, room_encoder(), _columns)


def draw_samples(rng: np.random.Generator) -> list[AlignedSample]:
    """Questions about one new room from one place, to be asked as an evaluation asks."""
    return rooms.draw_samples(rng, room_encoder())


def _columns(cloud: PlacedVoxels) -> Row:
    return {
        "xyz": cloud.xyz.numpy().astype(np.float16),
        "features": cloud.features.numpy().astype(np.float16),
        "cells": cloud.cells.numpy().astype(np.int16),
    }
