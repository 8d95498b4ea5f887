"""`posealign compare`: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from posealign_core.host import PluginHost
    from posealign_core.report.tables import Table


class CompareCommand(Command):
    """Backbones, modes, pose rules and benchmarks in one table; runs of several seeds together."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign compare runs/baseline-1a2b3c4d runs/transform-5e6f7a8b",
        "posealign compare runs --metrics em cider --subset direction_critical",
        "posealign compare runs --metrics all --json",
        "posealign compare runs --page compare.html",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the runs, what is shown of them, and in which form."""
        parser.add_argument(
            "runs", metavar="RUN", type=Path, nargs="+", help="run folders, or folders above them"
        )
        parser.add_argument(
            "--metrics",
            metavar="NAME",
            nargs="+",
            default=[],
            help="only these, or all (default: the main metric of each benchmark, the judge's, and "
            "what the paper reports)",
        )
        parser.add_argument(
            "--subset",
            default="all",
            help="all (default), direction_critical, other, or a benchmark's own subset",
        )
        parser.add_argument("--json", action="store_true", help="print JSON, unrounded")
        parser.add_argument("--page", metavar="FILE", type=Path, help="write the whole report too")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Print the table."""
        from posealign_core.errors import DataError
        from posealign_core.report.collect import collect_runs, find_runs
        from posealign_core.report.comparison import comparison_table
        from posealign_core.report.scores import group_runs
        from posealign_core.report.write import write_report

        paths, left_out = find_runs(args.runs)
        groups = group_runs(collect_runs(paths))
        table = comparison_table(groups, metrics=args.metrics, subset=args.subset)
        if not table.rows:
            known = dict.fromkeys(
                f"{name}: {', '.join(result.scores)}; subsets {', '.join(result.subsets)}"
                for group in groups
                for name, result in group.runs[0].results.items()
            )
            raise DataError(
                f"compare: wanted {' '.join(args.metrics) or 'metrics'} on {args.subset!r}, found "
                + "; ".join(known)
            )
        if args.json:
            _print_json(table)
        else:
            _print_table(table, left_out)
        if args.page is not None:
            page, *_ = write_report(host, paths, args.page, title="Comparison", left_out=left_out)
            if not args.json:
                print(f"page: {page}")
        return 0


def _print_json(table: Table) -> None:
    import json

    from posealign_core.report.tables import table_to_json

    print(json.dumps(table_to_json(table), indent=2))


def _print_table(table: Table, left_out: Mapping[str, str]) -> None:
    from rich.console import Console

    from posealign_core.report.tables import to_terminal

    Console().print(to_terminal(table))
    for name, why in left_out.items():
        print(f"left out: {name}: {why}")


command = CompareCommand
