"""Reading a published checkpoint: tensors, and the run's configuration (section 5)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from posealign_core.datasets.safe_load import load_torch
from posealign_core.errors import CheckpointMismatchError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

__all__ = ["CHANNEL_KEY", "Stored", "read_checkpoint"]

CHANNEL_KEY = "posealign_channel"
"""Entry of a model's section that names its position channel, in the files that we write."""

_ALIASES = {
    "utils.easydict.EasyDict": OrderedDict,
    "easydict.EasyDict": OrderedDict,
}
_EARLIER = ("relation_module.", "scene_proj.", "scene_init_proj.", "color_proj.", "size_proj.")
_LAYOUT = {
    "add_img_token": True,
    "add_scene_token": False,
    "bidirection": False,
    "feat_fusion": False,
    "fuse_with_id": False,
    "no_obj": False,
    "use_location_token": False,
}
"""Flags of the published model; others put other tokens before the language model."""


class Stored(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        tensors: By published name.
        rank: Of its adapters, 0 without any.
        alpha: Their scale times the rank.
        n_slots: Identifiers, where its configuration says so.
        channel: Its position channel, `none` where that was not trained.
    """

    tensors: dict[str, Tensor]
    rank: int
    alpha: int
    n_slots: int
    channel: str


def read_checkpoint(path: Path) -> Stored:
    """Read `ckpt_*.pth`.

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing, damaged or of another structure.
        CheckpointMismatchError: It is of an earlier version, or of another arrangement of tokens.
    """
    values = load_torch(path, _ALIASES)
    tensors = values.get("model") if isinstance(values, dict) else None
    if not isinstance(tensors, dict) or not all(
        isinstance(tensor, torch.Tensor) for tensor in tensors.values()
    ):
        raise DataError(f"{path}: wanted a checkpoint with tensors by name under 'model'")
    _refuse_earlier(path, tensors)
    model, lora = (_section(values.get("config"), name) for name in ("model", "lora"))
    _refuse_other_tokens(path, model)
    ranks = {len(t) for key, t in tensors.items() if ".lora_A." in key}
    if ranks and "lora_alpha" not in lora:
        raise CheckpointMismatchError(
            f"{path}: wanted lora.lora_alpha in its 'config', found none; shapes do not tell it"
        )
    return Stored(
        tensors=dict(tensors),
        rank=max(ranks, default=0),
        alpha=int(lora.get("lora_alpha", 0)),
        n_slots=int(model.get("max_obj_num", 0)),
        channel=_channel(model),
    )


def _channel(model: Mapping[str, Any]) -> str:
    """Published files have one kind of channel and do not name it; ours name it."""
    return str(model.get(CHANNEL_KEY, "fourier_minmax")) if model.get("add_pos_emb") else "none"


def _section(config: Any, name: str) -> Mapping[str, Any]:
    found = config.get(name) if isinstance(config, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _refuse_earlier(path: Path, tensors: Mapping[str, Tensor]) -> None:
    place = tensors.get("pos_proj.0.weight")
    signs = sorted({key.split(".")[0] for key in tensors if key.startswith(_EARLIER)})
    if place is not None and place.ndim == 2 and place.shape[1] == 3:
        signs.append("pos_proj of raw coordinates")
    if "object_proj.0.weight" in tensors and "object_img_proj.0.weight" not in tensors:
        signs.append("no object_img_proj")
    if signs:
        raise CheckpointMismatchError(
            f"{path}: is of an earlier Chat-Scene (v2.0 or v2.1: {', '.join(signs)}), which is "
            "another model; wanted the one with a 3-D and a 2-D token per object (2024-08 or later)"
        )


def _refuse_other_tokens(path: Path, model: Mapping[str, Any]) -> None:
    other = {k: model[k] for k, v in _LAYOUT.items() if k in model and bool(model[k]) != v}
    if other:
        raise CheckpointMismatchError(
            f"{path}: was trained with {other}; wanted the published tokens, {_LAYOUT}"
        )
