"""`posealign train`: fine-tune a backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.config_source import add_run_arguments, open_run

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class TrainCommand(Command):
    """Trains; an interrupted training goes on where it was."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign train --preset template/demo/transform --config mine.yaml",
        "posealign train --run runs/run-1a2b3c4d",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare where the configuration comes from."""
        add_run_arguments(parser)

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Train, and say where the weights are."""
        run = open_run(args, host)
        done = run.train()
        print(f"{'trained' if done else 'was trained already'}: {run.folder.checkpoints / 'final'}")
        return 0


command = TrainCommand
