"""Published and random weights of the 3-D encoder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from posealign_chat_scene.extraction.random_weights import random_weights
from posealign_chat_scene.extraction.uni3d import GIANT, TINY, Uni3D
from posealign_core.datasets.safe_load import load_torch
from posealign_core.errors import DataError
from posealign_core.weights.fill import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from posealign_chat_scene.extraction.uni3d import Uni3DConfig

__all__ = ["load_uni3d", "random_uni3d"]

_UNUSED = re.compile(r"logit_scale|visual\.(cls_token|pos_embed|patch_embed\..*|head\..*)")
"""Entries for the contrastive loss and for images, which point clouds never reach."""


def load_uni3d(path: Path, config: Uni3DConfig = GIANT) -> Uni3D:
    """Build the encoder with the weights of a published file, `uni3d-g/model.pt`.

    Args:
        path: The file; weights under `module`, names with or without `module.` and
            `point_encoder.` before them.
        config: Sizes that the file must have.

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing, damaged, or holds no weights.
        CheckpointMismatchError: A name or a shape differs.
    """
    with torch.device("meta"):
        model = Uni3D(config)
    model = model.to_empty(device="cpu").eval()
    for buffer in model.buffers():
        buffer.zero_()
    fill(model.state_dict(), _entries(path)).require_exact(str(path))
    return model.requires_grad_(False)


def _entries(path: Path) -> Iterator[tuple[str, Tensor]]:
    values = load_torch(path)
    weights = values.get("module", values) if isinstance(values, dict) else None
    if not isinstance(weights, dict):
        raise DataError(f"{path}: wanted weights by name under 'module', found none")
    for key, value in weights.items():
        name = key.removeprefix("module.").removeprefix("point_encoder.")
        if isinstance(value, torch.Tensor) and not _UNUSED.fullmatch(name):
            yield name, value


def random_uni3d(seed: int, config: Uni3DConfig = TINY) -> Uni3D:
    """A small encoder with weights that follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        model = Uni3D(config)
    return random_weights(model, seed)
