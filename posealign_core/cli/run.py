"""`posealign run`: recover, train, predict, score, judge and report, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.config_source import add_run_arguments, open_run

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost
    from posealign_core.runs.run import Run


class RunCommand(Command):
    """Does all stages; finished ones are skipped when their inputs have not changed."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign run --preset template/demo/transform --config mine.yaml",
        "posealign run --run runs/run-1a2b3c4d",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the run and which weights answer."""
        add_run_arguments(parser)
        parser.add_argument(
            "--untrained",
            action="store_true",
            help="leave training out and ask the backbone as it starts",
        )
        parser.add_argument(
            "--jobs", type=int, help="processes for pose recovery (default: all cores)"
        )
        parser.add_argument("--no-report", action="store_true", help="leave the report out")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Do the stages, and say where the report is."""
        from posealign_core.errors import JudgeError

        run = open_run(args, host)
        unjudged = None
        try:
            run.do_all(print, trained=not args.untrained, jobs=args.jobs)
        except JudgeError as error:  # the scores are there, and worth a report
            unjudged = error
        if not args.no_report:
            _report(run, host)
        if unjudged is not None:
            raise unjudged
        return 0


def _report(run: Run, host: PluginHost) -> None:
    from posealign_core.report.write import write_report

    page, *_ = write_report(host, [run.folder.path], run.folder.path / "report.html")
    print(f"report: {page}")


command = RunCommand
