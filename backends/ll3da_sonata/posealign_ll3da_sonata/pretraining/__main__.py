"""`python -m posealign_ll3da_sonata.pretraining`: draw rooms, train on them, check."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.config import load_backbone_config
from posealign_ll3da.pretraining.held_out import is_right
from posealign_ll3da.pretraining.rooms import MAX_OBJECTS
from posealign_ll3da_sonata.backbone import SonataBackbone
from posealign_ll3da_sonata.plugin import SPEC
from posealign_ll3da_sonata.pretraining.rooms import draw_rows, draw_samples, room_encoder
from posealign_ll3da_sonata.pretraining.train import pretrain
from posealign_rooms.pretraining import (
    PretrainRecipe,
    RoomBank,
    add_check_arguments,
    add_stage_arguments,
    draw_bank,
    print_shares,
    share_right,
    stage_recipe,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

RECIPE = PretrainRecipe(
    steps=12_000, batch_size=96, max_objects=MAX_OBJECTS, growth=0.3, learning_rate=1e-3
)
ENCODER_RECIPE = replace(RECIPE, steps=4000, batch_size=48)
_HELD_OUT = 10**9


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the steps; each setting of the recipe is an option of `train`."""
    args = _parser().parse_args(arguments)
    if args.step == "draw":
        draw = partial(draw_rows, args.looks)
        draw_bank(args.bank, draw, n_draws=args.rooms, seed=args.seed, jobs=args.jobs)
    elif args.step == "train":
        _check(_train(args), args)
    else:
        backbone = SonataBackbone(load_backbone_config(SPEC, "tiny", {"pretrained": False}))
        backbone.load_published(args.weights).require_exact(str(args.weights))
        _check(backbone.to(args.device).eval(), args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m posealign_ll3da_sonata.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    draw = steps.add_parser("draw", help="draw, scan and encode rooms")
    draw.add_argument("bank", type=Path)
    draw.add_argument("--rooms", type=int, default=12_000)
    draw.add_argument("--looks", type=int, default=3, help="viewpoints in each room")
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--jobs", type=int, default=2)
    learn = steps.add_parser("train", help="train the tiny model from random weights")
    learn.add_argument("bank", type=Path)
    RECIPE.add_arguments(learn)
    add_stage_arguments(learn, "encoder", ENCODER_RECIPE)
    check = steps.add_parser("check", help="ask weights about rooms that they have not met")
    for step in (learn, check):
        add_check_arguments(step, n_rooms=60)
    return parser


def _train(args: argparse.Namespace) -> SonataBackbone:
    recipe = PretrainRecipe.from_arguments(args)
    encoder_recipe = stage_recipe(recipe, "encoder", args)
    bank = RoomBank.load(args.bank, args.device)
    return pretrain(
        bank, encoder_recipe, recipe, args.weights, device=args.device, start=args.start
    )


def _check(backbone: SonataBackbone, args: argparse.Namespace) -> None:
    rngs = [np.random.default_rng((_HELD_OUT, index)) for index in range(args.check_rooms)]
    samples = [sample for rng in rngs for sample in draw_samples(rng)]
    found = share_right(backbone, room_encoder(), samples, is_right)
    print_shares(found)


if __name__ == "__main__":
    main()
