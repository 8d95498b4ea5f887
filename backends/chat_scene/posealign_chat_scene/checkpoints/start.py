"""What fine-tuning starts from: Vicuna-7B v1.5 (specification section 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.weights.fill import fill
from posealign_core.weights.tensors import read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from posealign_chat_scene.model.network import ChatSceneNetwork

__all__ = ["load_base"]

_VOCABULARY = ("model.embed_tokens.weight", "lm_head.weight")
_UNUSED = ".rotary_emb.inv_freq"
_NEW_ROW_STD = 0.02


def load_base(network: ChatSceneNetwork, folder: Path) -> None:
    """Fill the language model; the rows of the identifiers are drawn anew.

    Raises:
        CheckpointMismatchError: The base has other sizes, or lacks something.
        DataError: A file is missing or damaged.
    """
    wanted = network.llama_model.state_dict()
    fill(wanted, _grown(folder, wanted, network.network_config.n_slots)).require_exact(str(folder))


@torch.no_grad()
def _grown(folder: Path, wanted: dict[str, Tensor], n_slots: int) -> Iterator[tuple[str, Tensor]]:
    """Entries of the base, with a row added for each identifier."""
    for key, stored in read_folder(folder):
        if _UNUSED in key:
            continue
        tensor, target = stored, wanted.get(key)
        if target is not None and key in _VOCABULARY and len(tensor) == len(target) - n_slots:
            rows = torch.empty_like(target[:n_slots]).normal_(std=_NEW_ROW_STD)
            tensor = torch.cat([tensor.to(target), rows])
        yield key, tensor
