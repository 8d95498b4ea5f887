"""`posealign recover`: make the visibility tables of scans."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.scans import add_scan_arguments, chosen_scans, open_dataset
from posealign_core.errors import ExitCode, PoseAlignWarning

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from posealign_core.datasets.jobs import Outcome
    from posealign_core.host import PluginHost
    from posealign_core.recover import RecoveredScan, RecoverSettings


class RecoverCommand(Command):
    """Makes what is missing or outdated, keeps the rest; stop it whenever you like."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign recover --root my_scans --every 1",
        "posealign recover --dataset scannet --root scannet --split val --jobs 8",
        "posealign recover --dataset 3d_llava --root playground --rule released "
        "--output visibility-released",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the scans, the rule and where the tables go."""
        add_scan_arguments(parser)
        parser.add_argument(
            "--output",
            metavar="DIR",
            type=Path,
            default=Path("visibility"),
            help="folder of the tables (default: visibility)",
        )
        add_rule_arguments(parser)
        parser.add_argument("--jobs", type=int, help="processes (default: one per core)")
        parser.add_argument("--json", action="store_true", help="print one JSON object per scan")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Make the tables and say what was done."""
        from posealign_core.recover import recover_dataset

        dataset = open_dataset(args, host)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoseAlignWarning)  # notices are printed per scan
            outcomes = recover_dataset(
                dataset,
                chosen_scans(args, dataset),
                rule_settings(args),
                args.output,
                jobs=args.jobs,
            )
        _print_problems(outcomes)
        if args.json:
            for outcome in outcomes:
                print(json.dumps(_plain(outcome)))
        else:
            print(_summary(outcomes, args.output))
        failed = any(outcome.error for outcome in outcomes)
        return int(ExitCode.DATA if failed else ExitCode.OK)


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how visibility is computed."""
    parser.add_argument(
        "--rule",
        default="auto",
        help="surface, released (masks), box, center, or auto: the first of surface, box and "
        "center that a scan has labels for (default)",
    )
    parser.add_argument(
        "--every", type=int, default=25, help="keep one of this many usable frames (default: 25)"
    )
    parser.add_argument(
        "--engine", default="auto", help="numpy, numba, triton, or auto (default); same scores"
    )
    parser.add_argument(
        "--image-scale", type=float, metavar="F", help="factor on the images (default: the rule's)"
    )
    parser.add_argument(
        "--depth-tolerance",
        type=float,
        metavar="M",
        help="slack behind the Z-buffer, metres (default: the rule's)",
    )


def rule_settings(args: argparse.Namespace) -> RecoverSettings:
    """The settings that these arguments state.

    Raises:
        ConfigError: One is out of range.
    """
    from posealign_core.recover import RecoverSettings

    return RecoverSettings(
        rule=args.rule,
        image_scale=args.image_scale,
        depth_tolerance_m=args.depth_tolerance,
        every=args.every,
        engine=args.engine,
    )


def _summary(outcomes: Sequence[Outcome[RecoveredScan]], folder: Path) -> str:
    done = [outcome.result for outcome in outcomes if outcome.result is not None]
    parts = [f"{len(done)} of {len(outcomes)} scans in {folder}"]
    for action in ("made", "made again", "kept"):
        n = sum(scan.action == action for scan in done)
        if n:
            parts.append(f"{n} {action}")
    recorded = sum(scan.counts.recorded for scan in done)
    rejected = sum(scan.counts.rejected for scan in done)
    kept = sum(scan.counts.kept for scan in done)
    n_objects = sum(scan.n_objects for scan in done)
    seen = sum(scan.share_seen * scan.n_objects for scan in done)
    return (
        f"{', '.join(parts)}\n"
        f"{kept} frames kept of {recorded} recorded ({rejected} with unusable poses)\n"
        f"{seen / max(1, n_objects):.1%} of {n_objects} objects are seen by some kept frame"
    )


def _print_problems(outcomes: Sequence[Outcome[RecoveredScan]]) -> None:
    for outcome in outcomes:
        if outcome.error:
            print(f"{outcome.scene_id}: failed: {outcome.error}", file=sys.stderr)
        for notice in outcome.result.notices if outcome.result else ():
            print(f"{outcome.scene_id}: note: {notice}", file=sys.stderr)


def _plain(outcome: Outcome[RecoveredScan]) -> dict[str, Any]:
    if outcome.result is None:
        return {"scene_id": outcome.scene_id, "action": "failed", "error": outcome.error}
    scan = outcome.result
    return {
        "scene_id": outcome.scene_id,
        "action": scan.action,
        "path": str(scan.path),
        "rule": scan.rule,
        "recorded": scan.counts.recorded,
        "rejected": scan.counts.rejected,
        "kept": scan.counts.kept,
        "n_objects": scan.n_objects,
        "share_seen": scan.share_seen,
        "notices": list(scan.notices),
    }


command = RecoverCommand
