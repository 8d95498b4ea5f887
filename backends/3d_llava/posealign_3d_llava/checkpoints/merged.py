"""Merged checkpoints: the whole model in shards, adapters folded in (section 6.8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file

from posealign_3d_llava.checkpoints.config_file import published_config
from posealign_3d_llava.checkpoints.layout import merged_tensors
from posealign_core.atomic import atomic_path, make_folder, write_text
from posealign_core.training.lora import fold_adapters

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_3d_llava.backbone import LlavaBackbone

__all__ = ["save_merged"]

_PROJECTOR = "model.mm_projector."


def save_merged(backbone: LlavaBackbone, folder: Path, *, shard_size: str = "5GB") -> None:
    """Write a backbone as one model, adapters folded in.

    Args:
        backbone: With or without adapters; they are folded in place.
        folder: Where to write.
        shard_size: Largest file.
    """
    fold_adapters(backbone)
    make_folder(folder)
    tensors = {key: t.contiguous() for key, t in merged_tensors(backbone.lm).items()}
    plan = split_torch_state_dict_into_shards(tensors, max_shard_size=shard_size)
    for name, keys in plan.filename_to_tensors.items():
        with atomic_path(folder / name) as temporary:
            shard = {key: tensors[key] for key in keys}
            save_file(shard, temporary, metadata={"format": "pt"})
    if plan.is_sharded:
        index = {"metadata": plan.metadata, "weight_map": plan.tensor_to_filename}
        write_text(folder / "model.safetensors.index.json", json.dumps(index, indent=2) + "\n")
    projector = {
        key.removeprefix(_PROJECTOR): t.clone()
        for key, t in tensors.items()
        if key.startswith(_PROJECTOR)
    }
    with atomic_path(folder / "mm_projector.bin") as temporary:
        torch.save(projector, temporary)
    write_text(folder / "config.json", json.dumps(published_config(backbone), indent=2) + "\n")
    backbone.lm.generation_config.save_pretrained(str(folder))
    backbone.tokenizer.save_pretrained(str(folder))
