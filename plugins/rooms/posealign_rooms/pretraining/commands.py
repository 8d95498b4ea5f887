"""What the command lines of all backbones' pre-training have in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from posealign_rooms.pretraining.recipe import PretrainRecipe

__all__ = ["add_check_arguments", "add_stage_arguments", "print_shares", "stage_recipe"]


def add_check_arguments(parser: argparse.ArgumentParser, *, n_rooms: int) -> None:
    """The weights, where they are asked, and about how many rooms unless told otherwise."""
    parser.add_argument("weights", type=Path, help="a .safetensors file")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--check-rooms", type=int, default=n_rooms)


def add_stage_arguments(parser: argparse.ArgumentParser, name: str, recipe: PretrainRecipe) -> None:
    """Length and batch size of a first stage: `--NAME-steps`, `--NAME-minutes` and so on.

    Args:
        parser: Gets the options, and `--start`.
        name: Of what the stage trains, one word.
        recipe: Its defaults.
    """
    parser.add_argument("--start", type=Path, help=f"go on from these, without the {name}'s stage")
    parser.add_argument(f"--{name}-steps", type=int, default=recipe.steps)
    parser.add_argument(f"--{name}-minutes", type=float, default=recipe.minutes)
    parser.add_argument(f"--{name}-batch-size", type=int, default=recipe.batch_size)


def stage_recipe(recipe: PretrainRecipe, name: str, args: argparse.Namespace) -> PretrainRecipe:
    """The recipe of a first stage, which meets rooms of all sizes early; see above."""
    values = vars(args)
    return replace(
        recipe,
        steps=values[f"{name}_steps"],
        minutes=values[f"{name}_minutes"],
        batch_size=values[f"{name}_batch_size"],
        growth=0.1,
    )


def print_shares(found: Mapping[str, tuple[float, int]]) -> None:
    """Print what `share_right` found, a line per family."""
    for name, (share, n) in found.items():
        print(f"{100 * share:5.1f} %  of {n:5d}  {name}")  # noqa: T201 - a command's result
