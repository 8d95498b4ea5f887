"""Trains the tiny weights on a bank of rooms: encoder and adapter, then everything that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.config import load_backbone_config
from posealign_ll3da.pretraining.answers import AnswerTask
from posealign_ll3da.pretraining.start import start_captioner
from posealign_ll3da_sonata.backbone import SonataBackbone
from posealign_ll3da_sonata.plugin import SPEC
from posealign_ll3da_sonata.pretraining.encoder_task import EncoderTask
from posealign_ll3da_sonata.pretraining.tokens import with_tokens
from posealign_rooms.pretraining import fit, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from posealign_rooms.pretraining import PretrainRecipe, RoomBank

__all__ = ["pretrain"]


def pretrain(
    bank: RoomBank,
    encoder_recipe: PretrainRecipe,
    recipe: PretrainRecipe,
    output: Path,
    *,
    device: str,
    start: Path | None = None,
) -> SonataBackbone:
    """Train all weights; write them and, beside them, a log of each stage.

    Args:
        bank: The rooms, on the same device.
        encoder_recipe: For encoder and adapter, which then stay as they are.
        recipe: For everything else.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
        start: Weights that go on without the first stage, instead of random ones.

    Returns:
        The backbone in evaluation mode.

    Raises:
        CheckpointMismatchError: `start` does not fit the model.
        DataError: A room has too few voxels.
    """
    torch.manual_seed(recipe.seed)
    backbone = SonataBackbone(load_backbone_config(SPEC, "tiny", {"pretrained": False}))
    network, captioner = backbone.network, backbone.captioner

    def learn(task: nn.Module, rooms: RoomBank, how: PretrainRecipe, title: str) -> None:
        def losses(rows: Tensor) -> dict[str, Tensor]:
            named: dict[str, Tensor] = task(rooms.rows_of(rows))
            return named

        def save() -> None:
            write_weights(output, network.state_dict())

        log = output.with_suffix(f".{title}.jsonl")
        fit(task, rooms, how, losses, log=log, save=save, title=title)

    if start is None:
        start_captioner(captioner, backbone.tokenizers.llm)
        captioner.requires_grad_(False)
        task = EncoderTask(network, backbone.language_config.captioner.token_width)
        learn(task.to(device).train(), bank, encoder_recipe, "encoder")
    else:
        backbone.load_published(start).require_exact(str(start))
    backbone.to(device).requires_grad_(True)
    network.scene_encoder.requires_grad_(False)
    network.scene_adapter.requires_grad_(False)
    captioner.pose_embed.requires_grad_(False)  # no pose is told yet
    rooms = with_tokens(bank, network.eval(), encoder_recipe.batch_size)
    learn(AnswerTask(backbone.train()), rooms, recipe, "answers")
    return backbone.requires_grad_(True).eval()
