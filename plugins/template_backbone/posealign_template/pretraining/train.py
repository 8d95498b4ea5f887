"""Trains the base weights on a bank of rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_rooms.pretraining import fit, write_weights
from posealign_template.config import TemplateConfig
from posealign_template.model import TemplateBackbone
from posealign_template.pretraining.batches import BatchMaker

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from posealign_rooms.pretraining import PretrainRecipe, RoomBank

__all__ = ["train"]


def train(
    bank: RoomBank,
    recipe: PretrainRecipe,
    output: Path,
    *,
    device: str,
    start: Path | None = None,
) -> TemplateBackbone:
    """Train on rooms; write the weights and, beside them, `log.jsonl`.

    Args:
        bank: The rooms, on the same device.
        recipe: The recipe.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
        start: Weights to go on from, instead of random ones.

    Raises:
        CheckpointMismatchError: `start` does not fit the model.
    """
    torch.manual_seed(recipe.seed)
    backbone = TemplateBackbone(TemplateConfig(pretrained=False))
    if start is not None:
        backbone.load_published(start).require_exact(str(start))
    backbone.to(device)
    batch_of = BatchMaker(torch.Generator(device).manual_seed(recipe.seed))

    def losses(rooms: Tensor) -> dict[str, Tensor]:
        return {"loss": backbone(batch_of(bank.rows_of(rooms))).loss}

    def save() -> None:
        write_weights(output, backbone.state_dict())

    fit(backbone, bank, recipe, losses, log=output.with_name("log.jsonl"), save=save)
    return backbone
