"""`python -m posealign_3d_llava.pretraining`: write the vocabulary, or train on rooms."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from posealign_3d_llava.plugin import SPEC
from posealign_3d_llava.pretraining.recipe import PretrainRecipe
from posealign_3d_llava.pretraining.train import pretrain
from posealign_3d_llava.pretraining.vocabulary import vocabulary
from posealign_3d_llava.tokenizer import VOCABULARY
from posealign_core.atomic import write_text
from posealign_core.config import load_backbone_config


def main() -> None:
    """Run one of the two steps; each setting of the recipe is an option of `train`."""
    parser = argparse.ArgumentParser(prog="python -m posealign_3d_llava.pretraining")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("vocabulary", help="write the package's vocabulary.txt; weights depend on it")
    learn = steps.add_parser("train", help="train the tiny model from random weights")
    learn.add_argument("weights", type=Path, help="the .safetensors file to write")
    learn.add_argument("--device", default="cpu")
    for field in fields(PretrainRecipe):
        name = f"--{field.name.replace('_', '-')}"
        learn.add_argument(name, type=type(field.default), default=field.default)
    args = parser.parse_args()
    if args.step == "vocabulary":
        write_text(VOCABULARY, "\n".join(vocabulary()) + "\n")
        return
    recipe = PretrainRecipe(**{f.name: getattr(args, f.name) for f in fields(PretrainRecipe)})
    config = load_backbone_config(SPEC, "tiny", {"pretrained": False})
    pretrain(config, recipe, args.weights, device=args.device)


if __name__ == "__main__":
    main()
