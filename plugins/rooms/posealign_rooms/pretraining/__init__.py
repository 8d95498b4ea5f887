"""What the tiny models of all backbones learn from: rooms that are drawn once and asked about.

They learn objects, words and coordinates; what left or behind means is left to LoRA tuning, for
every question is one that all viewpoints answer alike. A backbone's own part is small: what it
stores of a room (a row), how it makes a batch of rows, and its losses::

    draw_bank(path, draw, n_draws=20_000, seed=0, jobs=16)   # draw(rng) -> rows
    bank = RoomBank.load(path, "cuda")
    fit(model, bank, recipe, losses, log=log, save=save)     # losses(rows) -> named losses
"""

from __future__ import annotations

from posealign_rooms.pretraining.answers import share_right, text_or_objects
from posealign_rooms.pretraining.bank import RoomBank, Row, draw_bank, draw_size
from posealign_rooms.pretraining.commands import (
    add_check_arguments,
    add_stage_arguments,
    print_shares,
    stage_recipe,
)
from posealign_rooms.pretraining.coordinates import ask_coordinates
from posealign_rooms.pretraining.fit import fit
from posealign_rooms.pretraining.ragged import Ragged
from posealign_rooms.pretraining.recipe import PretrainRecipe
from posealign_rooms.pretraining.rooms import DrawnRoom, draw_room, look_at, scanned
from posealign_rooms.pretraining.weights import write_weights
from posealign_rooms.pretraining.words import room_words

__all__ = [
    "DrawnRoom",
    "PretrainRecipe",
    "Ragged",
    "RoomBank",
    "Row",
    "add_check_arguments",
    "add_stage_arguments",
    "ask_coordinates",
    "draw_bank",
    "draw_room",
    "draw_size",
    "fit",
    "look_at",
    "print_shares",
    "room_words",
    "scanned",
    "share_right",
    "stage_recipe",
    "text_or_objects",
    "write_weights",
]
