"""Trains the tiny weights on a bank of rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.checkpoints.layout import plain_tensors
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.pretraining.batches import BatchMaker
from posealign_chat_scene.pretraining.rooms import MAX_OBJECTS, looks_at
from posealign_core.language.lookup import start_as_lookup
from posealign_rooms.pretraining import (
    draw_room,
    draw_size,
    fit,
    scanned,
    share_right,
    text_or_objects,
    write_weights,
)

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.model.network import ChatSceneNetwork
    from posealign_chat_scene.pretraining.appearances import Appearances
    from posealign_rooms.pretraining import PretrainRecipe, RoomBank

__all__ = ["accuracies", "pretrain"]

_CHECK_SEED = 10**6
_CHECK_SPACING_M = 0.08


def pretrain(
    config: ChatSceneConfig,
    bank: RoomBank,
    appearances: Appearances,
    recipe: PretrainRecipe,
    output: Path,
    *,
    device: str,
    start: Path | None = None,
) -> ChatSceneBackbone:
    """Train all weights, those of words included; write them and, beside them, `<name>.jsonl`.

    Args:
        config: Of the tiny backbone, without pre-trained weights.
        bank: The rooms, on the device.
        appearances: How their objects may look, likewise.
        recipe: The recipe.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
        start: Weights to go on from, instead of random ones.
    """
    torch.manual_seed(recipe.seed)
    backbone = ChatSceneBackbone(config)
    network = backbone.network
    start_as_lookup(network.llama_model)
    _start_loud(network)
    if start is not None:
        backbone.load_published(start).require_exact(str(start))
    network.trains_words = True
    backbone.to(device)
    generator = torch.Generator(device).manual_seed(recipe.seed)
    n_slots = config.network.n_slots
    batch_of = BatchMaker(appearances, network.first_identifier, n_slots, generator)
    half = torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")

    def losses(rooms: Tensor) -> dict[str, Tensor]:
        row, targets, scene = batch_of(bank.rows_of(rooms))
        with half:
            return {"answers": network.loss(row, targets, scene)}

    def save() -> None:
        write_weights(output, plain_tensors(network))

    fit(backbone, bank, recipe, losses, log=output.with_suffix(".jsonl"), save=save)
    network.trains_words = False
    return backbone


@torch.no_grad()
def _start_loud(network: ChatSceneNetwork) -> None:
    """Let what is known of an object be heard beside its identifier from the first step on."""
    for heard in (network.object_proj, network.object_img_proj, network.pos_proj):
        first, *others = [layer for layer in heard if isinstance(layer, nn.Linear)]
        nn.init.normal_(first.weight)
        for layer in others:
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)


def accuracies(
    backbone: ChatSceneBackbone, config: ChatSceneConfig, *, n_rooms: int
) -> dict[str, tuple[float, int]]:
    """Ask direction-free questions about rooms that nobody has met.

    Args:
        backbone: What was trained.
        config: Its configuration.
        n_rooms: How many rooms.
    """
    encoder = ChatSceneEncoder(config)
    samples = []
    for i in range(n_rooms):
        rng = np.random.default_rng((_CHECK_SEED, i))
        layout = draw_room(rng, draw_size(rng, MAX_OBJECTS))
        (asked,) = looks_at(layout, scanned(layout, _CHECK_SPACING_M, rng), rng, n_looks=1)
        samples += asked
    return share_right(backbone.eval(), encoder, samples, text_or_objects)
