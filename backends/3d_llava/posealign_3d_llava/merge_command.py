"""`posealign merge`: write a trained 3D-LLaVA in the layouts that its authors publish."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from posealign_core.cli.command import Command
from posealign_core.cli.config_source import add_run_arguments, open_run, trained_backbone

if TYPE_CHECKING:
    import argparse

    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_core.host import PluginHost

__all__ = ["MergeCommand", "command"]

_BACKBONE = "3d_llava"


class MergeCommand(Command):
    """Writes the trained weights of a run as one model, or as adapters beside a base."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign merge --run runs/transform-top-1a2b3c4d --out merged",
        "posealign merge --run runs/transform-top-1a2b3c4d --out adapters --layout lora",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, the folder and the layout."""
        add_run_arguments(parser)
        parser.add_argument("--out", type=Path, required=True, help="folder to write")
        parser.add_argument(
            "--layout",
            choices=("merged", "lora"),
            default="merged",
            help="merged: the whole model with adapters folded in; lora: the adapters, and what "
            "was trained whole, which need the base and the stage-1 tower beside them",
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Load the run's final checkpoint and write it.

        Raises:
            ConfigError: The run is of another backbone.
            DataError: It has no finished training.
        """
        run = open_run(args, host)
        backbone = cast("LlavaBackbone", trained_backbone(run, _BACKBONE, verb="merge"))
        from posealign_3d_llava.checkpoints.lora_run import export_lora_run
        from posealign_3d_llava.checkpoints.merged import save_merged

        if args.layout == "merged":
            save_merged(backbone, args.out)
        else:
            export_lora_run(backbone, args.out)
        print(f"wrote {args.out}")  # noqa: T201 - a verb of the command line
        return 0


command = MergeCommand
