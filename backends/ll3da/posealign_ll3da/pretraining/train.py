"""Trains the tiny weights: the detector on boxes, everything else on answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.config import load_backbone_config
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.model.keys import OPTIONAL_KEYS
from posealign_ll3da.plugin import SPEC
from posealign_ll3da.pretraining.batches import batch_of, targets_of
from posealign_ll3da.rows import rows_of
from posealign_ll3da.scenes import clouds_of
from posealign_rooms.pretraining import fit, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from posealign_rooms.pretraining import PretrainRecipe, RoomBank

__all__ = ["pretrain"]

DETECTION_WEIGHT = 0.1
N_DETECTED = 16
"""Rooms of a step whose boxes are looked for; assigning boxes to objects takes its time."""


def pretrain(bank: RoomBank, recipe: PretrainRecipe, output: Path, *, device: str) -> Ll3daBackbone:
    """Train all weights from random ones; write them and, beside them, `log.jsonl`.

    Args:
        bank: The rooms, on the same device.
        recipe: The recipe.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
    """
    torch.manual_seed(recipe.seed)
    config = load_backbone_config(SPEC, "tiny", {"pretrained": False})
    backbone = Ll3daBackbone(config).to(device).train()
    llm, qformer = backbone.tokenizers

    def losses(rooms: Tensor) -> dict[str, Tensor]:
        rows = bank.rows_of(rooms)
        batch = batch_of(
            rows, llm_pad_id=int(llm.pad_token_id), qformer_pad_id=int(qformer.pad_token_id)
        )
        detector = backbone.network.detector
        clouds = clouds_of(batch, torch.arange(len(rooms), device=rooms.device))
        found = detector(clouds)
        some = bank.rows_of(rooms[:N_DETECTED])
        kept = torch.arange(len(rooms[:N_DETECTED]), device=rooms.device)
        detection = detector.criterion(
            [rows_of(layer, kept) for layer in found.layers],
            clouds.extent.of_scenes(kept),
            targets_of(some),
            vote_xyz=found.votes.vote_xyz[kept],
            seed_xyz=found.scene.xyz[kept],
            seed_rows=found.rows[kept],
        )
        return {
            "language": backbone.loss(batch, found.scene, found.proposals),
            "detection": DETECTION_WEIGHT * detection.total,
        }

    def save() -> None:
        state = backbone.network.state_dict()
        write_weights(output, {k: t for k, t in state.items() if k not in OPTIONAL_KEYS})

    fit(backbone, bank, recipe, losses, log=output.with_name("log.jsonl"), save=save)
    return backbone.eval()
