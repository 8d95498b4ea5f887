"""`posealign demo`: the whole job, on made-up rooms, with every installed backbone."""

from __future__ import annotations

import shlex
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
            help="processes for rooms and poses (default: all cores)",
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Do everything that is not done yet, and say where the report is."""
        from posealign_core.atomic import make_folder
        from posealign_core.report.write import write_report
        from posealign_core.runs.demo import Clock, Demo, read_chance
        from posealign_core.runs.demo_plan import plan_demo

        clock = Clock(args.minutes)
        plan = plan_demo(host, args.backbones, n_seeds=args.seeds)
        for name, why in plan.left_out.items():
            _say(f"left out: {name}: {why}")
        if not plan.runs:
            raise PoseAlignError("demo: no backbone can run here; 'posealign doctor' says why")
        rooms, runs = args.output / "rooms", args.output / "runs"
        make_folder(rooms)
        _say(f"[1/{plan.n_steps}] rooms ({args.preset})")
        _make_rooms(args, host, rooms)
        demo = Demo(host, rooms=rooms, output=runs, command=_command(args), jobs=args.jobs)
        outcome = demo.run_all(plan, _say, clock)
        _say(f"[{plan.n_steps}/{plan.n_steps}] report")
        page, *_ = write_report(
            host,
            outcome.folders,
            args.output / "report.html",
            title="PoseAlign on made-up rooms",
            chance=read_chance(rooms),
            left_out=outcome.left_out,
        )
        _say(f"done in {clock.elapsed_s:.0f} s; open {page.resolve()}")
        return int(ExitCode.RUN_FAILED if outcome.n_failed else ExitCode.OK)


def _say(line: str) -> None:
    print(line, flush=True)


def _make_rooms(args: argparse.Namespace, host: PluginHost, folder: Path) -> None:
    from posealign_core.cli.main import run_verb

    jobs = ["--jobs", str(args.jobs)] if args.jobs else []
    run_verb(host, "rooms", ["make", str(folder), "--preset", args.preset, *jobs])


def _command(args: argparse.Namespace) -> str:
    words = ["posealign", "demo", "--output", str(args.output), "--preset", args.preset]
    words += ["--seeds", str(args.seeds)]
    words += ["--backbones", *args.backbones] if args.backbones else []
    return shlex.join(words)


command = DemoCommand
