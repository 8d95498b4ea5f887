"""`posealign recover-stats`: what the visibility tables offer."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.scans import add_scan_arguments, chosen_scans, open_dataset
from posealign_core.errors import DataError, ExitCode

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost
    from posealign_core.recover.statistics import TableStatistics


class RecoverStatsCommand(Command):
    """Selectable frames per object, objects never seen, rejected poses; and a figure."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign recover-stats --root my_scans --tables visibility",
        "posealign recover-stats --dataset scannet --root scannet --split val "
        "--tables visibility --json",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the scans, their tables and the output."""
        add_scan_arguments(parser)
        parser.add_argument(
            "--tables", metavar="DIR", type=Path, required=True, help="what 'recover' has made"
        )
        parser.add_argument(
            "--output",
            metavar="PNG",
            type=Path,
            default=Path("recover-stats.png"),
            help="the figure (default: recover-stats.png)",
        )
        parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Read the tables, print the numbers and draw the figure."""
        from posealign_core.datasets.jobs import run_on_scans
        from posealign_core.recover.pictures import draw_statistics
        from posealign_core.recover.statistics import merge_statistics, scan_statistics

        dataset = open_dataset(args, host)
        work = partial(scan_statistics, dataset, args.tables)
        scene_ids = chosen_scans(args, dataset)
        outcomes = run_on_scans(work, scene_ids, jobs=args.jobs, title="read tables")
        failed = [outcome for outcome in outcomes if outcome.error]
        for outcome in failed:
            print(f"{outcome.scene_id}: failed: {outcome.error}", file=sys.stderr)
        scans = [outcome.result for outcome in outcomes if outcome.result is not None]
        if not scans:
            raise DataError(f"none of {len(outcomes)} scans has a readable table in {args.tables}")
        statistics = merge_statistics(scans)
        draw_statistics(args.output, statistics)
        numbers = _numbers(statistics)
        if args.json:
            print(json.dumps({**numbers, "figure": str(args.output)}))
        else:
            for name, value in numbers.items():
                print(f"{name.replace('_', ' '):<38}{value:>10}")
            print(f"figure: {args.output}")
        return int(ExitCode.DATA if failed else ExitCode.OK)


def _numbers(statistics: TableStatistics) -> dict[str, Any]:
    import numpy as np

    frames = statistics.counts
    quartiles = (
        np.percentile(statistics.n_selectable, [25, 50, 75])
        if len(statistics.n_selectable)
        else [0, 0, 0]
    )
    return {
        "scans": len(frames),
        "frames_recorded": sum(count.recorded for count in frames),
        "frames_with_unusable_poses": sum(count.rejected for count in frames),
        "frames_kept": sum(count.kept for count in frames),
        "objects": len(statistics.n_selectable),
        "objects_never_seen": statistics.n_never_seen,
        "frames_per_object_lower_quartile": float(quartiles[0]),
        "frames_per_object_median": float(quartiles[1]),
        "frames_per_object_upper_quartile": float(quartiles[2]),
    }


command = RecoverStatsCommand
