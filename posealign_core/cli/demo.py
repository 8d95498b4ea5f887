"""`posealign demo`: the whole job, on made-up rooms, with every installed backbone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.errors import ExitCode, PoseAlignError

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class DemoCommand(Command):
    """Makes rooms, recovers poses, trains and evaluates with and without PoseAlign, reports."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign demo",
        "posealign demo --output /tmp/demo --backbones template --seeds 3",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare where, how much, and with which backbones."""
        parser.add_argument(
            "--output", metavar="DIR", type=Path, default=Path("runs/demo"), help="folder to fill"
        )
        parser.add_argument("--preset", default="mini", help="size of the rooms (default: mini)")
        parser.add_argument(
            "--backbones", metavar="NAME", nargs="+", default=[], help="only these backbones"
        )
        parser.add_argument(
            "--seeds", metavar="N", type=int, default=1, help="training runs of each (default: 1)"
        )
        parser.add_argument(
            "--minutes",
            metavar="M",
            type=float,
            default=9.0,
            help="begin no run that would end later than this (default: 9)",
        )
        parser.add_argument(
            "--jobs",
            metavar="N",
            type=int,
            help="processes for rooms, and runs side by side (default: all cores)",
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Do everything that is not done yet, and say where the report is."""
        from posealign_core.atomic import make_folder
        from posealign_core.cli.study import report_study
        from posealign_core.runs.clock import Clock
        from posealign_core.runs.demo import demo_study, plan_demo
        from posealign_core.runs.study import do_study

        clock = Clock(args.minutes)
        rooms, runs = args.output / "rooms", args.output / "runs"
        study = demo_study(host, runs, backbones=args.backbones, n_seeds=args.seeds)
        plan = plan_demo(host, study)
        for name, why in plan.left_out.items():
            _say(f"left out: {name}: {why}")
        if not plan.members:
            raise PoseAlignError("demo: no backbone can run here; 'posealign doctor' says why")
        make_folder(rooms)
        _say(f"rooms ({args.preset})")
        _make_rooms(args, host, rooms)
        n_workers = max(1, args.jobs or os.cpu_count() or 1)
        account = do_study(plan, runs, n_workers=n_workers, say=_say, clock=clock)
        for member in account.waiting:
            _say(f"left out: {member.label}: {account.left_out[member.label]}")
        report_study(host, study, account, args.output / "report.html")
        _say(f"done in {clock.elapsed_s:.0f} s")
        return int(ExitCode.RUN_FAILED if account.n_failed else ExitCode.OK)


def _say(line: str) -> None:
    print(line, flush=True)


def _make_rooms(args: argparse.Namespace, host: PluginHost, folder: Path) -> None:
    from posealign_core.cli.main import run_verb

    jobs = ["--jobs", str(args.jobs)] if args.jobs else []
    run_verb(host, "rooms", ["make", str(folder), "--preset", args.preset, *jobs])


command = DemoCommand
