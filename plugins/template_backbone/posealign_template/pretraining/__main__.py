"""`python -m posealign_template.pretraining`: draw rooms, train on them, or list the vocabulary."""

from __future__ import annotations

import argparse
from pathlib import Path

from posealign_core.atomic import write_text
from posealign_rooms.pretraining import PretrainRecipe, RoomBank, draw_bank
from posealign_template.pretraining.rooms import MAX_OBJECTS, draw_row
from posealign_template.pretraining.train import train
from posealign_template.pretraining.vocabulary import vocabulary
from posealign_template.tokens import VOCABULARY


def main() -> None:
    """Run one of the three steps; each setting of the recipe is an option of `train`."""
    parser = argparse.ArgumentParser(prog="python -m posealign_template.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("vocabulary", help="write the package's vocabulary.txt; weights depend on it")
    draw = steps.add_parser("draw", help="draw and encode rooms")
    draw.add_argument("bank", type=Path)
    draw.add_argument("--rooms", type=int, default=120_000)
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--jobs", type=int, default=2)
    learn = steps.add_parser("train", help="train on drawn rooms")
    learn.add_argument("bank", type=Path)
    learn.add_argument("weights", type=Path)
    learn.add_argument("--device", default="cpu")
    learn.add_argument("--start", type=Path, help="weights to go on from (default: random ones)")
    PretrainRecipe(max_objects=MAX_OBJECTS).add_arguments(learn)
    args = parser.parse_args()
    if args.step == "vocabulary":
        write_text(VOCABULARY, "\n".join(vocabulary()) + "\n")
    elif args.step == "draw":
        draw_bank(args.bank, draw_row, n_draws=args.rooms, seed=args.seed, jobs=args.jobs)
    else:
        bank = RoomBank.load(args.bank, args.device)
        recipe = PretrainRecipe.from_arguments(args)
        train(bank, recipe, args.weights, device=args.device, start=args.start)


if __name__ == "__main__":
    main()
