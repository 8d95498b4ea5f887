"""`python -m posealign_chat_scene.pretraining`: vocabulary, objects, rooms, training, a check."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.plugin import SPEC
from posealign_chat_scene.pretraining.appearances import Appearances, draw_objects
from posealign_chat_scene.pretraining.rooms import MAX_OBJECTS, draw_rows, encoder_of
from posealign_chat_scene.pretraining.train import accuracies, pretrain
from posealign_chat_scene.pretraining.vocabulary import vocabulary
from posealign_chat_scene.tokenizer import VOCABULARY
from posealign_core.atomic import write_text
from posealign_core.config import load_backbone_config
from posealign_rooms.pretraining import (
    PretrainRecipe,
    RoomBank,
    add_check_arguments,
    draw_bank,
    print_shares,
)

RECIPE = PretrainRecipe(steps=20_000, batch_size=256, max_objects=MAX_OBJECTS)


def main() -> None:
    """Run one of the steps; each setting of the recipe is an option of `train`."""
    args = _parser().parse_args()
    config = load_backbone_config(SPEC, "tiny", {"pretrained": False})
    if args.step == "vocabulary":
        write_text(VOCABULARY, "\n".join(vocabulary()) + "\n")
        return
    if args.step in ("scan", "draw"):
        draw = draw_objects if args.step == "scan" else partial(draw_rows, encoder_of(config))
        draw_bank(args.bank, draw, n_draws=args.rooms, seed=args.seed, jobs=args.jobs)
        return
    if args.step == "train":
        backbone = pretrain(
            config,
            RoomBank.load(args.bank, args.device),
            Appearances(RoomBank.load(args.objects, args.device).entries),
            PretrainRecipe.from_arguments(args),
            args.weights,
            device=args.device,
            start=args.start,
        )
    else:
        backbone = ChatSceneBackbone(config).to(args.device)
        backbone.load_published(args.weights).require_exact(str(args.weights))
    print_shares(accuracies(backbone, config, n_rooms=args.check_rooms))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m posealign_chat_scene.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("vocabulary", help="write the package's vocabulary.txt; weights depend on it")
    scan = steps.add_parser("scan", help="scan rooms for features of their objects")
    draw = steps.add_parser("draw", help="draw rooms and ask about them, two looks at each")
    for step, n_rooms in ((scan, 4000), (draw, 40_000)):
        step.add_argument("bank", type=Path)
        step.add_argument("--rooms", type=int, default=n_rooms)
        step.add_argument("--seed", type=int, default=0)
        step.add_argument("--jobs", type=int, default=2)
    learn = steps.add_parser("train", help="train the tiny model on drawn rooms")
    learn.add_argument("bank", type=Path, help="what 'draw' wrote")
    learn.add_argument("objects", type=Path, help="what 'scan' wrote")
    learn.add_argument("--start", type=Path, help="weights to go on from (default: random ones)")
    RECIPE.add_arguments(learn)
    test = steps.add_parser("check", help="ask weights about rooms that they have not met")
    for step in (learn, test):
        add_check_arguments(step, n_rooms=100)
    return parser


if __name__ == "__main__":
    main()
