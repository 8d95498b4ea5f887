"""`posealign rooms`: make a set, look at a scene, measure how well poses are recovered."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_core.cli.jobs import JobsCommand, add_job, add_processes
from posealign_core.errors import PoseAlignError

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class RoomsCommand(JobsCommand):
    """Make rooms, look at one, measure recovered poses, ask about anyone's scans."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign rooms make rooms --preset mini",
        "posealign rooms show rooms scene0000_00 --output scene.png",
        "posealign rooms validate-recover rooms --rules surface released",
        "posealign rooms ask my_scans --per-view 40",
    )

    def add_jobs(self, jobs: Any) -> None:
        """Declare the jobs."""
        for add in (_add_make, _add_show, _add_validate, _add_ask):
            add(jobs)


def _add_make(jobs: Any) -> None:
    make = add_job(jobs, "make", "make a set of rooms in the real file formats", _make)
    make.add_argument("root", metavar="OUT", type=Path, help="folder to make or to finish")
    make.add_argument("--preset", default="mini", help="mini (default), small or large")
    make.add_argument("--seed", type=int, default=0, help="default: 0")
    add_processes(make)
    make.add_argument("--sens", action="store_true", help="also write one scene as a .sens stream")


def _add_show(jobs: Any) -> None:
    show = add_job(jobs, "show", "draw one scene: floor plan and a rendered frame", _show)
    show.add_argument("root", metavar="ROOT", type=Path, help="folder of the set")
    show.add_argument("scene", metavar="SCENE", help="scene0000_00, for example")
    show.add_argument("--output", type=Path, required=True, help="PNG file to write")
    show.add_argument("--view", type=int, default=0, help="number of the viewpoint (default: 0)")


def _add_validate(jobs: Any) -> None:
    summary = "compare recovered poses with the askers' own"
    check = add_job(jobs, "validate-recover", summary, _validate)
    check.add_argument("root", metavar="ROOT", type=Path, help="folder of the set")
    check.add_argument("--split", default="val", help="train or val (default)")
    for name, default, what in (
        ("benchmarks", ["scanrefer", "nr3d", "scanqa"], "whose questions"),
        ("rules", ["surface", "released"], "visibility rules"),
        ("selectors", ["top", "clip", "random"], "selectors"),
    ):
        text = f"{what} (default: {' '.join(default)})"
        check.add_argument(f"--{name}", nargs="+", default=default, metavar="NAME", help=text)
    check.add_argument(
        "--every", type=int, default=5, help="keep one of this many frames (default: 5)"
    )
    check.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    add_processes(check)
    check.add_argument("--json", action="store_true", help="print JSON")


def _add_ask(jobs: Any) -> None:
    summary = "write questions with known answers about scans in the generic format"
    ask = add_job(jobs, "ask", summary, _ask)
    ask.add_argument("root", metavar="ROOT", type=Path, help="folder of scene folders")
    ask.add_argument("--scenes", nargs="+", metavar="ID", help="these scans (default: all)")
    ask.add_argument("--per-view", type=int, default=8, help="per camera (default: 8)")
    ask.add_argument("--seed", type=int, default=0, help="default: 0")


def _make(args: argparse.Namespace, host: PluginHost) -> int:
    from posealign_rooms.make import make_rooms, preset_of

    del host
    preset = preset_of(args.preset)
    make_rooms(args.root, preset, args.seed, jobs=args.jobs, stream=args.sens)
    print(f"{preset.n_train} training and {preset.n_val} validation rooms in {args.root}")
    return 0


def _show(args: argparse.Namespace, host: PluginHost) -> int:
    from posealign_rooms.make import load_plan
    from posealign_rooms.show import draw_scene

    del host
    plan, _ = load_plan(args.root, args.scene)
    if not 0 <= args.view < len(plan.views):
        raise PoseAlignError(
            f"{args.scene}: wanted a viewpoint from 0 to {len(plan.views) - 1}, found {args.view}"
        )
    draw_scene(plan, plan.views[args.view], args.output)
    print(args.output)
    return 0


def _validate(args: argparse.Namespace, host: PluginHost) -> int:
    from rich.console import Console

    from posealign_rooms.validate import validate_recover
    from posealign_rooms.validate_table import agreement_table

    rows = validate_recover(
        host,
        args.root,
        split=args.split,
        benchmarks=args.benchmarks,
        rules=args.rules,
        selectors=args.selectors,
        every=args.every,
        seed=args.seed,
        jobs=args.jobs,
    )
    if args.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(agreement_table(rows))
    return 0


def _ask(args: argparse.Namespace, host: PluginHost) -> int:
    from posealign_core.datasets.generic import Generic
    from posealign_rooms.ask import ask_about

    del host
    dataset = Generic(args.root)
    for scene_id in args.scenes or dataset.scene_ids():
        print(ask_about(dataset, scene_id, per_view=args.per_view, seed=args.seed))
    return 0


command = RoomsCommand
