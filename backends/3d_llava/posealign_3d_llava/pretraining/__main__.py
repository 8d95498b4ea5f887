"""`python -m posealign_3d_llava.pretraining`: the vocabulary, rooms, training, and a check."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.plugin import SPEC
from posealign_3d_llava.pretraining.check import accuracies
from posealign_3d_llava.pretraining.rooms import MAX_OBJECTS, draw_rows
from posealign_3d_llava.pretraining.train import pretrain
from posealign_3d_llava.pretraining.vocabulary import vocabulary
from posealign_3d_llava.tokenizer import VOCABULARY
from posealign_core.atomic import write_text
from posealign_core.config import load_backbone_config
from posealign_rooms.pretraining import (
    PretrainRecipe,
    RoomBank,
    add_check_arguments,
    add_stage_arguments,
    draw_bank,
    print_shares,
    stage_recipe,
)

if TYPE_CHECKING:
    from posealign_3d_llava.config import LlavaConfig

RECIPE = PretrainRecipe(
    steps=5000, batch_size=256, max_objects=MAX_OBJECTS, growth=0.3, learning_rate=2e-3
)
TOWER_RECIPE = replace(RECIPE, steps=3000, batch_size=96)


def main() -> None:
    """Run one of the steps; each setting of the recipe is an option of `train`."""
    args = _parser().parse_args()
    config = load_backbone_config(SPEC, "tiny", {"pretrained": False})
    if args.step == "vocabulary":
        write_text(VOCABULARY, "\n".join(vocabulary()) + "\n")
    elif args.step == "draw":
        draw = partial(draw_rows, config)
        draw_bank(args.bank, draw, n_draws=args.rooms, seed=args.seed, jobs=args.jobs)
    elif args.step == "train":
        _train(args, config)
    else:
        backbone = LlavaBackbone(config)
        backbone.load_published(args.weights).require_exact(str(args.weights))
        _check(args, config, backbone.to(args.device))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m posealign_3d_llava.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("vocabulary", help="write the package's vocabulary.txt; weights depend on it")
    draw = steps.add_parser("draw", help="draw, scan and encode rooms, three looks at each")
    draw.add_argument("bank", type=Path)
    draw.add_argument("--rooms", type=int, default=20_000)
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--jobs", type=int, default=2)
    learn = steps.add_parser("train", help="train the tiny model from random weights")
    learn.add_argument("bank", type=Path)
    RECIPE.add_arguments(learn)
    add_stage_arguments(learn, "tower", TOWER_RECIPE)
    test = steps.add_parser("check", help="ask weights about rooms that they have not met")
    for step in (learn, test):
        add_check_arguments(step, n_rooms=200)
    return parser


def _train(args: argparse.Namespace, config: LlavaConfig) -> None:
    recipe = PretrainRecipe.from_arguments(args)
    tower_recipe = stage_recipe(recipe, "tower", args)
    bank = RoomBank.load(args.bank, args.device)
    backbone = pretrain(
        config, bank, tower_recipe, recipe, args.weights, device=args.device, start=args.start
    )
    _check(args, config, backbone)


def _check(args: argparse.Namespace, config: LlavaConfig, backbone: LlavaBackbone) -> None:
    torch.manual_seed(0)
    found = accuracies(
        backbone.eval(), config, n_rooms=args.check_rooms, largest=MAX_OBJECTS, seed=1_000_000
    )
    print_shares(found)


if __name__ == "__main__":
    main()
