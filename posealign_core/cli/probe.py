"""`posealign probe`: what the score of a finished run rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse

    from posealign_core.evaluation.probes.result import ProbeResult
    from posealign_core.host import PluginHost


class ProbeCommand(Command):
    """Probes a run that has answered; what is done already is kept."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign probe runs/run-1a2b3c4d",
        "posealign probe runs/run-1a2b3c4d --probes leak mirror --benchmarks scanrefer",
        "posealign probe runs/run-1a2b3c4d --questions 500",
        "posealign list probes",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run, the probes and the questions."""
        parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
        parser.add_argument(
            "--probes",
            nargs="+",
            metavar="NAME",
            help="only these; 'posealign list probes' names them",
        )
        parser.add_argument(
            "--benchmarks", nargs="+", metavar="NAME", help="only these of the run's benchmarks"
        )
        parser.add_argument(
            "--questions", type=int, metavar="N", help="at most N questions of each benchmark"
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Probe, and print every figure."""
        from posealign_core.cli.config_source import open_folder
        from posealign_core.evaluation.probes.result import load_probe
        from posealign_core.runs.probing import probe_run, probes_for

        run = open_folder(args.run, host)
        benchmarks = args.benchmarks or run.config.eval_benchmarks
        for name in args.probes or [spec.name for spec in probes_for(run)]:
            done = probe_run(run, name, benchmarks, args.questions)
            path = run.folder.probe(name)
            print(f"{name}: {'done' if done else 'was done already'}: {path}")
            _print(load_probe(path))
        return 0


def _print(result: ProbeResult) -> None:
    from posealign_core.report.tables import cell_text

    print(f"  {result.title}. {result.shows}")
    for row in result.rows:
        shares = row.unit in {"share", "score"}
        value = cell_text(row.estimate, "percent" if shares else "number")
        print(f"  {row.benchmark:<14} {row.subset:<20} {row.label}, {row.measure}: {value}")
    for benchmark, remark in result.remarks.items():
        print(f"  {benchmark:<14} {remark}")


command = ProbeCommand
