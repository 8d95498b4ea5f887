"""Loading and writing the published layout (specification section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig

from posealign_chat_scene.checkpoints.layout import (
    own_key,
    plain_tensors,
    published_key,
    published_tensors,
)
from posealign_chat_scene.checkpoints.stored import CHANNEL_KEY, read_checkpoint
from posealign_core.atomic import atomic_path
from posealign_core.errors import CheckpointMismatchError, DataError
from posealign_core.training.lora import add_adapters, has_adapters
from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from torch import Tensor

    from posealign_chat_scene.backbone import ChatSceneBackbone
    from posealign_chat_scene.checkpoints.stored import Stored
    from posealign_chat_scene.model.network import ChatSceneNetwork
    from posealign_core.backbone import LoadReport

__all__ = ["export_published", "load_published"]

_DROPOUT = 0.05
_WIDENED = "object_proj.0.weight"
_CHANNEL = "pos_proj."


def load_published(backbone: ChatSceneBackbone, path: Path) -> LoadReport:
    """Load a published checkpoint, whose adapters stay apart, or plain weights (`.safetensors`).

    Columns that embed mode adds to a projection start at zero, and so does a position channel whose
    kind of waves the checkpoint did not train: the model then answers as the published one until it
    is tuned.

    Raises:
        DataError: The file is missing or damaged.
        UnsafeFileError: It asks for code.
        CheckpointMismatchError: It is of an earlier version, of another arrangement of tokens, or
            was trained with a position channel that this model lacks.
    """
    network = backbone.network
    if path.suffix == ".safetensors":
        return fill(plain_tensors(network), _widened(network, read_file(path)))
    stored = read_checkpoint(path)
    settings = network.network_config
    if stored.channel != "none" and settings.channel == "none":
        raise CheckpointMismatchError(
            f"{path}: was trained with a position channel (add_pos_emb); set "
            f"backbone.config.network.channel to {stored.channel}"
        )
    if stored.n_slots not in (0, settings.n_slots):
        raise CheckpointMismatchError(
            f"{path}: wanted {settings.n_slots} identifiers, found {stored.n_slots}; set "
            "backbone.config.network.n_slots"
        )
    if stored.rank and not has_adapters(backbone):
        add_adapters(backbone, _adapters(backbone, stored))
    return fill(published_tensors(network), _fitted(backbone, stored))


def export_published(
    backbone: ChatSceneBackbone, path: Path, *, epoch: int = 0, global_step: int = 0
) -> None:
    """Write a backbone with adapters as a published checkpoint.

    Args:
        backbone: What was trained.
        path: The `.pth` file.
        epoch: As the file shall say.
        global_step: Likewise.

    Raises:
        DataError: The backbone has no adapters.
    """
    if not has_adapters(backbone):
        raise DataError(f"{path}: wanted a backbone with LoRA adapters to export, found none")
    tensors = published_tensors(backbone.network)
    values = {
        "model": {published_key(k): t.detach().cpu().clone() for k, t in tensors.items()},
        "config": _run_config(backbone),
        "epoch": epoch,
        "global_step": global_step,
    }
    with atomic_path(path) as temporary:
        torch.save(values, temporary)


def _adapters(backbone: ChatSceneBackbone, stored: Stored) -> LoraConfig:
    return LoraConfig(
        r=stored.rank,
        lora_alpha=stored.alpha,
        lora_dropout=_DROPOUT,
        target_modules=list(backbone.trainable().lora_targets),
    )


def _fitted(backbone: ChatSceneBackbone, stored: Stored) -> Iterator[tuple[str, Tensor]]:
    """Entries under the network's names, with what the checkpoint knows nothing of at zero."""
    channel = backbone.network.network_config.channel
    fresh_channel = channel != "none" and _waves(channel) != _waves(stored.channel)
    named = ((own_key(name), tensor) for name, tensor in stored.tensors.items())
    for key, tensor in _widened(backbone.network, named):
        fresh = fresh_channel and key.startswith(_CHANNEL)
        yield key, torch.zeros_like(tensor) if fresh else tensor


def _waves(channel: str) -> str:
    """The kind of waves that a channel's projection reads: `fourier`, `sine` or `none`."""
    return channel.split("_", maxsplit=1)[0]


def _widened(
    network: ChatSceneNetwork, entries: Iterable[tuple[str, Tensor]]
) -> Iterator[tuple[str, Tensor]]:
    """Entries with silent columns for the pose, where the network has room for it."""
    n_in, n_known = network.object_proj.n_in, network.network_config.point_dim
    for key, tensor in entries:
        if key == _WIDENED and tensor.shape[1] == n_known < n_in:
            columns = tensor.new_zeros(len(tensor), n_in - n_known)
            yield key, torch.cat([tensor, columns], dim=1)
        else:
            yield key, tensor


def _run_config(backbone: ChatSceneBackbone) -> dict[str, Any]:
    """The parts of a published configuration that loading reads."""
    settings = backbone.network.network_config
    adapters = backbone.peft_config["default"]  # type: ignore[index]  # set by peft
    return {
        "model": {
            "max_obj_num": settings.n_slots,
            "input_dim": settings.point_dim,
            "img_input_dim": settings.image_dim,
            "pos_dim": 2 * settings.n_waves,
            "add_pos_emb": settings.channel != "none",
            CHANNEL_KEY: settings.channel,
            "add_img_token": True,
            "add_scene_token": False,
            "no_obj": False,
            "feat_fusion": False,
            "fuse_with_id": False,
            "use_location_token": False,
            "bidirection": False,
        },
        "lora": {
            "lora_r": adapters.r,  # type: ignore[union-attr]
            "lora_alpha": adapters.lora_alpha,  # type: ignore[union-attr]
            "lora_dropout": adapters.lora_dropout,  # type: ignore[union-attr]
        },
    }
