"""`posealign data superpoints`: segment one's own scans once."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.cli.jobs import add_job, add_processes
from posealign_core.errors import DataError, ExitCode

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from posealign_core.host import PluginHost

__all__ = ["add_superpoints"]


def add_superpoints(jobs: Any) -> None:
    """Declare the job."""
    summary = "give scans of a generic folder the superpoints that some backbones see them as"
    parser = add_job(jobs, "superpoints", summary, _work)
    parser.add_argument("root", type=Path, help="folder of the data set 'generic'")
    parser.add_argument("--scenes", nargs="+", help="scans (default: all)")
    parser.add_argument("--replace", action="store_true", help="make those anew that are there")
    add_processes(parser)


def _work(args: argparse.Namespace, host: PluginHost) -> int:
    del host
    from posealign_core.datasets.generic import Generic
    from posealign_core.datasets.jobs import run_on_scans
    from posealign_core.datasets.own_superpoints import make_superpoints

    scene_ids = args.scenes or Generic(args.root).scene_ids()
    if not scene_ids:
        raise DataError(f"{args.root}: wanted folders with points.*, found none; check the path")
    work = partial(make_superpoints, args.root, replace=args.replace)
    outcomes = run_on_scans(work, scene_ids, jobs=args.jobs, title="superpoints")
    made = [outcome.result for outcome in outcomes if outcome.result is not None]
    failed = [outcome for outcome in outcomes if outcome.error]
    n_kept = sum(found.kept for found in made)
    print(f"{len(made)} scans ({n_kept} had superpoints already), {len(failed)} failed")
    for outcome in failed:
        print(f"{outcome.scene_id}: {outcome.error}", file=sys.stderr)
    return int(ExitCode.DATA if failed else ExitCode.OK)
