"""`posealign score`: score the answers."""

from __future__ import annotations

from pathlib import Path
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


class ScoreCommand(Command):
    """Scores what `posealign predict` wrote."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign score --run runs/run-1a2b3c4d",
        "posealign score --run runs/run-1a2b3c4d --benchmarks scanqa --protocol 3d-llava",
        "posealign score --run runs/run-1a2b3c4d --benchmarks scanqa --labels L.jsonl",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, the benchmarks and the rules."""
        add_run_arguments(parser)
        add_benchmark_argument(parser)
        parser.add_argument(
            "--protocol",
            metavar="NAME",
            help="score by these rules instead of the configured ones: strict, official, 3d-llava, "
            "chat-scene, ll3da or video3dllm",
        )

        parser.add_argument(
            "--labels",
            metavar="FILE",
            type=Path,
            help="split one benchmark by this file of 'posealign judge label', instead of by its "
            "annotations or its words",
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Score each benchmark, and print its metrics."""
        from posealign_core.errors import ConfigError
        from posealign_core.evaluation.result import load_result
        from posealign_core.report.tables import cell_text

        run = open_run(args, host)
        names = args.benchmarks or run.config.eval_benchmarks
        if args.labels is not None and len(names) != 1:
            fault = f"wanted one benchmark, which the labels are for, found {', '.join(names)}"
            raise ConfigError([fault], source="--labels")
        for name in names:
            run.score(name, protocol=args.protocol, labels=args.labels)
            result = load_result(run.folder.results(name))
            asked = f"{len(result.keys)} questions, {result.n_missing} unanswered"
            print(f"{name} ({result.split}, protocol {result.protocol}, {asked})")
            for subset in result.subsets:
                for metric in result.scores:
                    estimate = cell_text(result.estimate(metric, subset), "percent")
                    print(f"  {metric:<14} {subset:<20} {estimate}")
        return 0


command = ScoreCommand
