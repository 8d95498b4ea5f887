"""`python -m posealign_ll3da.pretraining`: draw rooms, train on them, or list the vocabulary."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from posealign_core.atomic import write_text
from posealign_ll3da.pretraining.vocabulary import vocabulary
from posealign_ll3da.tokenizer import VOCABULARY
from posealign_rooms.pretraining import PretrainRecipe, RoomBank, draw_bank


def main() -> None:
    """Run one of the three steps; each setting of the recipe is an option of `train`."""
    parser = argparse.ArgumentParser(prog="python -m posealign_ll3da.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("vocabulary", help="write the package's vocabulary.txt; weights depend on it")
    draw = steps.add_parser("draw", help="draw, scan and encode rooms")
    draw.add_argument("bank", type=Path)
    draw.add_argument("--rooms", type=int, default=16_000)
    draw.add_argument("--looks", type=int, default=3, help="viewpoints in each room")
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--jobs", type=int, default=2)
    learn = steps.add_parser("train", help="train the tiny model from random weights")
    learn.add_argument("bank", type=Path)
    learn.add_argument("weights", type=Path)
    learn.add_argument("--device", default="cpu")
    learn.add_argument("--held-out", type=int, default=60, help="new rooms to ask about afterwards")
    PretrainRecipe(batch_size=64, learning_rate=1e-3).add_arguments(learn)
    args = parser.parse_args()
    if args.step == "vocabulary":
        write_text(VOCABULARY, "\n".join(vocabulary()) + "\n")
        return
    from posealign_ll3da.pretraining.held_out import right_answers
    from posealign_ll3da.pretraining.rooms import draw_rows
    from posealign_ll3da.pretraining.train import pretrain

    if args.step == "draw":
        draw_bank(
            args.bank,
            partial(draw_rows, args.looks),
            n_draws=args.rooms,
            seed=args.seed,
            jobs=args.jobs,
        )
        return
    bank = RoomBank.load(args.bank, args.device)
    recipe = PretrainRecipe.from_arguments(args)
    backbone = pretrain(bank, recipe, args.weights, device=args.device)
    for family, share in right_answers(backbone, args.held_out, device=args.device).items():
        print(f"{family}: {share}")  # noqa: T201 - the result of a command


if __name__ == "__main__":
    main()
