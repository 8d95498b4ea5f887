"""`posealign predict`: answer the questions of benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.config_source import (
    add_benchmark_argument,
    add_run_arguments,
    open_run,
)

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class PredictCommand(Command):
    """Answers; what is answered already is kept."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign predict --run runs/run-1a2b3c4d",
        "posealign predict --run runs/run-1a2b3c4d --benchmarks scanqa",
        "posealign predict --config published.yaml --untrained",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, the benchmarks and which weights answer."""
        add_run_arguments(parser)
        add_benchmark_argument(parser)
        parser.add_argument(
            "--untrained",
            action="store_true",
            help="ask the backbone as it starts: backbone.weights, or the weights of its preset",
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Answer each benchmark, and say where the answers are."""
        run = open_run(args, host)
        for name in args.benchmarks or run.config.eval_benchmarks:
            done = run.predict(name, trained=not args.untrained)
            print(
                f"{'answered' if done else 'was answered already'}: {run.folder.predictions(name)}"
            )
        return 0


command = PredictCommand
