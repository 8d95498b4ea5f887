"""`python -m posealign_ll3da.pretraining`: the vocabulary, rooms, training, and a check."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from posealign_core.atomic import write_text
from posealign_core.config import load_backbone_config
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.plugin import SPEC
from posealign_ll3da.pretraining.held_out import held_out
from posealign_ll3da.pretraining.rooms import MAX_OBJECTS, draw_rows
from posealign_ll3da.pretraining.train import pretrain
from posealign_ll3da.pretraining.vocabulary import vocabulary
from posealign_ll3da.tokenizer import VOCABULARY
from posealign_rooms.pretraining import (
    PretrainRecipe,
    RoomBank,
    add_check_arguments,
    add_stage_arguments,
    draw_bank,
    print_shares,
    stage_recipe,
)

RECIPE = PretrainRecipe(
    steps=8000, batch_size=96, max_objects=MAX_OBJECTS, growth=0.3, learning_rate=1e-3
)
DETECTOR_RECIPE = replace(RECIPE, steps=3000, batch_size=64)


def main() -> None:
    """Run one of the steps; each setting of the recipe is an option of `train`."""
    args = _parser().parse_args()
    if args.step == "vocabulary":
        write_text(VOCABULARY, "\n".join(vocabulary()) + "\n")
    elif args.step == "draw":
        draw = partial(draw_rows, args.looks)
        draw_bank(args.bank, draw, n_draws=args.rooms, seed=args.seed, jobs=args.jobs)
    elif args.step == "train":
        _check(_train(args), args)
    else:
        backbone = Ll3daBackbone(load_backbone_config(SPEC, "tiny", {"pretrained": False}))
        backbone.load_published(args.weights).require_exact(str(args.weights))
        _check(backbone.to(args.device).eval(), args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m posealign_ll3da.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("vocabulary", help="write the package's vocabulary.txt; weights depend on it")
    draw = steps.add_parser("draw", help="draw, scan and encode rooms")
    draw.add_argument("bank", type=Path)
    draw.add_argument("--rooms", type=int, default=12_000)
    draw.add_argument("--looks", type=int, default=3, help="viewpoints in each room")
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--jobs", type=int, default=2)
    learn = steps.add_parser("train", help="train the tiny model from random weights")
    learn.add_argument("bank", type=Path)
    RECIPE.add_arguments(learn)
    add_stage_arguments(learn, "detector", DETECTOR_RECIPE)
    check = steps.add_parser("check", help="ask weights about rooms that they have not met")
    for step in (learn, check):
        add_check_arguments(step, n_rooms=60)
    return parser


def _train(args: argparse.Namespace) -> Ll3daBackbone:
    recipe = PretrainRecipe.from_arguments(args)
    detector_recipe = stage_recipe(recipe, "detector", args)
    bank = RoomBank.load(args.bank, args.device)
    return pretrain(
        bank, detector_recipe, recipe, args.weights, device=args.device, start=args.start
    )


def _check(backbone: Ll3daBackbone, args: argparse.Namespace) -> None:
    print_shares(held_out(backbone, args.check_rooms, device=args.device))


if __name__ == "__main__":
    main()
