"""Trains the tiny weights on a bank of rooms, in two stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.checkpoints.layout import merged_tensors
from posealign_3d_llava.pretraining.batches import clouds_of, labels_of
from posealign_3d_llava.pretraining.language import AnswerTask
from posealign_3d_llava.pretraining.tower import SuperpointTask
from posealign_core.language.lookup import start_as_lookup
from posealign_core.progress import progress_bar
from posealign_rooms.pretraining import Ragged, RoomBank, fit, write_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from posealign_3d_llava.config import LlavaConfig
    from posealign_3d_llava.model.tower import PointCloudTower
    from posealign_rooms.pretraining import PretrainRecipe

__all__ = ["pretrain"]


def pretrain(
    config: LlavaConfig,
    bank: RoomBank,
    tower_recipe: PretrainRecipe,
    recipe: PretrainRecipe,
    output: Path,
    *,
    device: str,
    start: Path | None = None,
) -> LlavaBackbone:
    """Train all weights; write them and, beside them, two logs.

    Args:
        config: Of the tiny backbone, without pre-trained weights.
        bank: The rooms, on the device.
        tower_recipe: For the tower alone.
        recipe: For everything, with the U-Net as the first stage left it.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
        start: Weights whose second stage goes on, instead of random ones.

    Raises:
        CheckpointMismatchError: `start` does not fit the model.
    """
    torch.manual_seed(recipe.seed)
    backbone = LlavaBackbone(config)
    heads = SuperpointTask(backbone.lm.tower).to(device)

    def save() -> None:
        write_weights(output, merged_tensors(backbone.lm))

    if start is None:
        start_as_lookup(backbone.lm)
        backbone.to(device)
        log = output.with_suffix(".tower.jsonl")
        _learn_superpoints(heads, bank, tower_recipe, log=log, save=save)
    else:
        backbone.load_published(start).require_exact(str(start))
        backbone.to(device)
    kept = with_pooled(bank, _without_points(backbone.lm.tower), tower_recipe.batch_size)
    task = AnswerTask(backbone, heads)

    def losses(rows: Tensor) -> dict[str, Tensor]:
        named: dict[str, Tensor] = task(kept.rows_of(rows))
        return named

    log = output.with_suffix(".answers.jsonl")
    fit(task, kept, recipe, losses, log=log, save=save, title="answers")
    return backbone.requires_grad_(True)


def _learn_superpoints(
    heads: SuperpointTask,
    bank: RoomBank,
    recipe: PretrainRecipe,
    *,
    log: Path,
    save: Callable[[], None],
) -> None:
    def losses(rows: Tensor) -> dict[str, Tensor]:
        rooms = bank.rows_of(rows)
        named: dict[str, Tensor] = heads(heads.tower.encode(clouds_of(rooms)), labels_of(rooms))
        return named

    heads.train()
    fit(heads, bank, recipe, losses, log=log, save=save, title="tower")


def _without_points(tower: PointCloudTower) -> PointCloudTower:
    """The tower with everything before its superpoints frozen."""
    segmentor = tower.eval().segmentor
    for module in (
        segmentor.input_conv,
        segmentor.unet,
        segmentor.output_layer,
        segmentor.pos_encode,
    ):
        module.requires_grad_(False)
    return tower


@torch.no_grad()
def with_pooled(bank: RoomBank, tower: PointCloudTower, batch_size: int) -> RoomBank:
    """The bank with the superpoints that the frozen U-Net makes of the points, and without these.

    Args:
        bank: The rooms.
        tower: In evaluation mode.
        batch_size: Rooms that are encoded together.
    """
    features, centers = [], []
    device = next(tower.parameters()).device
    with progress_bar() as bar:
        task = bar.add_task("pooling", total=len(bank), note="")
        for rows in torch.split(torch.arange(len(bank), device=device), batch_size):
            pooled = tower.segmentor.pool(clouds_of(bank.rows_of(rows)))
            features.append(pooled.features[pooled.valid].half())
            centers.append(pooled.exact_centers[pooled.valid])
            bar.advance(task, len(rows))
    lengths = bank.entries["objects"].lengths
    return RoomBank(
        {
            **{k: v for k, v in bank.entries.items() if k not in _OF_POINTS},
            "features": Ragged(torch.cat(features), lengths),
            "superpoint_centers": Ragged(torch.cat(centers), lengths),
        }
    )


_OF_POINTS = ("coords", "colors", "superpoint_ids", "point_to_voxel", "voxels")
