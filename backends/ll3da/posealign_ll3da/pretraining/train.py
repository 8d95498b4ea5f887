"""Trains the tiny weights on a bank of rooms: the detector, then everything that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.config import load_backbone_config
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.model.keys import OPTIONAL_KEYS
from posealign_ll3da.plugin import SPEC
from posealign_ll3da.pretraining.answers import AnswerTask
from posealign_ll3da.pretraining.detector import DetectorTask
from posealign_ll3da.pretraining.start import start_captioner
from posealign_ll3da.pretraining.tokens import with_tokens
from posealign_rooms.pretraining import fit, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from posealign_rooms.pretraining import PretrainRecipe, RoomBank

__all__ = ["pretrain"]


def pretrain(
    bank: RoomBank,
    detector_recipe: PretrainRecipe,
    recipe: PretrainRecipe,
    output: Path,
    *,
    device: str,
    start: Path | None = None,
) -> Ll3daBackbone:
    """Train all weights; write them and, beside them, two logs.

    Args:
        bank: The rooms, on the same device.
        detector_recipe: For the detector, which then stays as it is.
        recipe: For everything else.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
        start: Weights that go on without the first stage, instead of random ones.

    Returns:
        The backbone in evaluation mode.

    Raises:
        CheckpointMismatchError: `start` does not fit the model.
    """
    torch.manual_seed(recipe.seed)
    backbone = Ll3daBackbone(load_backbone_config(SPEC, "tiny", {"pretrained": False}))
    detector, captioner = backbone.network.detector, backbone.network.captioner

    def save() -> None:
        state = backbone.network.state_dict()
        write_weights(output, {k: t for k, t in state.items() if k not in OPTIONAL_KEYS})

    def learn(task: nn.Module, rooms: RoomBank, how: PretrainRecipe, title: str) -> None:
        def losses(rows: Tensor) -> dict[str, Tensor]:
            named: dict[str, Tensor] = task(rooms.rows_of(rows))
            return named

        log = output.with_suffix(f".{title}.jsonl")
        fit(task, rooms, how, losses, log=log, save=save, title=title)

    if start is None:
        start_captioner(captioner, backbone.tokenizers.llm)
        backbone.to(device)
        task = DetectorTask(detector, backbone.ll3da_config.detector.width)
        learn(task.to(device).train(), bank, detector_recipe, "detector")
    else:
        backbone.load_published(start).require_exact(str(start))
        backbone.to(device)
    detector.requires_grad_(False)
    captioner.pose_embed.requires_grad_(False)  # no pose is told yet
    backbone.train()
    rooms = with_tokens(bank, detector, detector_recipe.batch_size)
    learn(AnswerTask(backbone), rooms, recipe, "answers")
    return backbone.requires_grad_(True).eval()
