"""`posealign report`: tables, plots and sample questions of one or several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class ReportCommand(Command):
    """Writes one HTML page, and its tables as Markdown, CSV and JSON."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign report runs/baseline-1a2b3c4d runs/transform-5e6f7a8b",
        "posealign report runs --output report.html",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the runs and the page."""
        parser.add_argument(
            "runs", metavar="DIR", type=Path, nargs="+", help="run folders, or folders above them"
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            type=Path,
            help="the page (default: report.html in the first DIR)",
        )
        parser.add_argument("--title", default="PoseAlign report", help="heading of the page")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Write the report, and say where it is."""
        from posealign_core.report.collect import find_runs
        from posealign_core.report.write import write_report

        paths, left_out = find_runs(args.runs)
        output = args.output or args.runs[0] / "report.html"
        for path in write_report(host, paths, output, title=args.title, left_out=left_out):
            print(path)
        return 0


command = ReportCommand
