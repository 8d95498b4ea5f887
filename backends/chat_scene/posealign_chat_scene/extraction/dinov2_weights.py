"""Published and random weights of the 2-D encoder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from posealign_chat_scene.extraction.dinov2 import LARGE, TINY_IMAGES, Dinov2
from posealign_chat_scene.extraction.patches import GRID
from posealign_chat_scene.extraction.random_weights import random_weights
from posealign_core.errors import CheckpointMismatchError
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from posealign_chat_scene.extraction.dinov2 import Dinov2Config

__all__ = ["load_dinov2", "random_dinov2"]

_HEADS = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
}
_BLOCK = {
    "attention.output.dense": "attn.proj",
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
# Files on the hub, and what transformers 5 makes of them.
_QKV = re.compile(r"(.*?)attention\.(?:attention\.)?(q|k|v)(?:uery|ey|alue|_proj)\.(weight|bias)")
_UNUSED = {"mask_token", "embeddings.mask_token"}


def load_dinov2(path: Path, config: Dinov2Config = LARGE) -> Dinov2:
    """Build the encoder with published weights.

    Args:
        path: A safetensors or torch file, with the names of transformers (`facebook/dinov2-large`)
            or with those of the authors and of timm.
        config: Sizes that the file must have.

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing or damaged.
        CheckpointMismatchError: A name or a shape differs.
    """
    model = Dinov2(config)
    stored = {key: value for key, value in read_file(path) if key not in _UNUSED}
    if "embeddings.cls_token" in stored:
        stored = _renamed(stored, str(path))
    if "pos_embed" in stored:
        stored["pos_embed"] = _resampled(stored["pos_embed"])
    fill(model.vit.state_dict(), stored.items()).require_exact(str(path))
    return model.eval().requires_grad_(False)


def _renamed(stored: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Names of transformers to those of timm; query, key and value become one matrix."""
    out: dict[str, Tensor] = {}
    triples: dict[str, dict[str, Tensor]] = {}
    for key, value in stored.items():
        name = key.replace("encoder.layer.", "blocks.", 1)
        for theirs, ours in (_BLOCK if name.startswith("blocks.") else _HEADS).items():
            name = name.replace(theirs, ours)
        part = _QKV.fullmatch(name)
        if part:
            triples.setdefault(f"{part[1]}attn.qkv.{part[3]}", {})[part[2]] = value
        else:
            out[name] = value
    for name, parts in triples.items():
        if len(parts) != 3:
            raise CheckpointMismatchError(
                f"{where}: wanted query, key and value for {name}, found {', '.join(parts)}; fetch "
                "the file again"
            )
        out[name] = torch.cat([parts["q"], parts["k"], parts["v"]])
    return out


def _resampled(positions: Tensor) -> Tensor:
    """Positions (1, 1 + n², D) of the training images' grid, for the grid of 16x16."""
    first, grid = positions[:, :1], positions[:, 1:]
    side = round(grid.shape[1] ** 0.5)
    if side == GRID or side * side != grid.shape[1]:
        return positions
    plane = grid.transpose(1, 2).reshape(1, -1, side, side).float()
    plane = functional.interpolate(plane, (GRID, GRID), mode="bicubic", align_corners=False)
    return torch.cat([first, plane.flatten(2).transpose(1, 2).to(first.dtype)], dim=1)


def random_dinov2(seed: int, config: Dinov2Config = TINY_IMAGES) -> Dinov2:
    """A small encoder with weights that follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        model = Dinov2(config)
    return random_weights(model, seed)
