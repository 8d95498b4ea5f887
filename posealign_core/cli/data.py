"""`posealign data`: make, check and list the files that the other verbs read."""

from __future__ import annotations

import dataclasses
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.jobs import JobsCommand, add_job, add_processes
from posealign_core.cli.superpoints import add_superpoints
from posealign_core.errors import DataError, ExitCode
from posealign_core.registry import resolve

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import Any

    from posealign_core.host import PluginHost


class DataCommand(JobsCommand):
    """Seven small jobs on data files."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign data manifest",
        "posealign data extract-poses SCANNET --out SCANNET/poses",
        "posealign data pack-poses PLAYGROUND/poses --scannet SCANNET",
        "posealign data match-scanqa --annotations ANNOTATIONS --playground PLAYGROUND",
        "posealign data place-situations SCANNET --annotations ANNOTATIONS",
        "posealign data superpoints MY_SCANS",
        "posealign data verify scannet SCANNET --splits train val",
    )

    def add_jobs(self, jobs: Any) -> None:
        """Declare the jobs."""
        for add in (_extract, _pack, _match, _place, add_superpoints, _verify, _manifest):
            add(jobs)


def _extract(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.datasets.make_poses import PoseForm, extract_poses
        from posealign_core.datasets.scannet import ScanNet

        scene_ids = args.scenes or ScanNet(args.scannet).stream_ids()
        forms = list(PoseForm) if args.form == "both" else [PoseForm(args.form)]
        codes = [
            _make_poses(
                partial(extract_poses, scannet=args.scannet, out=args.out, form=form),
                scene_ids,
                args.jobs,
                f"extracting poses ({form.value})",
            )
            for form in forms
        ]
        return max(codes)

    summary = "take poses and cameras out of .sens streams, without reading the images"
    parser = add_job(jobs, "extract-poses", summary, work)
    parser.add_argument("scannet", type=Path, help="root of the raw ScanNet tree")
    parser.add_argument("--out", type=Path, required=True, help="root of the pose tree to make")
    parser.add_argument("--form", choices=["packed", "text", "both"], default="packed")
    parser.add_argument("--scenes", nargs="+", help="scans (default: all that have a stream)")
    add_processes(parser)


def _pack(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.datasets.make_poses import pack_poses
        from posealign_core.datasets.pose_files import PoseTree

        return _make_poses(
            partial(pack_poses, poses=args.poses, scannet=args.scannet),
            args.scenes or PoseTree(args.poses).text_scene_ids(),
            args.jobs,
            "packing poses",
        )

    parser = add_job(jobs, "pack-poses", "pack the pose texts of each scan into one file", work)
    parser.add_argument("poses", type=Path, help="root of the pose tree; packed/ is made in it")
    parser.add_argument("--scannet", type=Path, help="raw ScanNet tree, to add each scan's camera")
    parser.add_argument("--scenes", nargs="+", help="scans (default: all that have texts)")
    add_processes(parser)


def _make_poses(
    work: Callable[[str], Any], scene_ids: Sequence[str], n_jobs: int, title: str
) -> int:
    """Make the pose files of each scan, print what came of it, and return an exit code."""
    from posealign_core.datasets.jobs import run_on_scans

    if not scene_ids:
        raise DataError(f"{title}: found no scans to work on; check the folder")
    outcomes = run_on_scans(work, scene_ids, jobs=n_jobs, title=title)
    done = [outcome.result for outcome in outcomes if outcome.result is not None]
    failed = [outcome for outcome in outcomes if outcome.error]
    print(
        f"{len(done)} scans ({sum(made.kept for made in done)} were there already), "
        f"{sum(made.n_frames for made in done)} frames, "
        f"{sum(made.n_invalid for made in done)} of them with invalid poses, {len(failed)} failed"
    )
    for outcome in failed:
        print(f"{outcome.scene_id}: {outcome.error}", file=sys.stderr)
    return int(ExitCode.DATA if failed else ExitCode.OK)


def _match(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.datasets.match_scanqa import match_scanqa

        report = match_scanqa(args.annotations, args.playground)
        print(f"{report.train_path}: {report.n_train} samples, {report.n_unmatched} unmatched")
        print(f"{report.val_path}: {report.n_val} questions")
        return int(ExitCode.OK)

    summary = "find the object ids that the published ScanQA files lack"
    parser = add_job(jobs, "match-scanqa", summary, work)
    parser.add_argument("--annotations", type=Path, required=True, help="folder with ScanQA_v1.0_*")
    parser.add_argument("--playground", type=Path, required=True, help="root of the 3D-LLaVA tree")


def _place(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.benchmarks.situations import place_situations

        dataset = resolve(host.datasets[args.dataset])(args.root)
        reports = [place_situations(dataset, args.annotations, split) for split in args.splits]
        for report in reports:
            there = " (was there already)" if report.kept else ""
            print(f"{report.path}: {report.n_placed} poses{there}, {len(report.errors)} failed")
            for scene_id, error in report.errors.items():
                print(f"{scene_id}: {error}", file=sys.stderr)
        failed = any(report.errors for report in reports)
        return int(ExitCode.DATA if failed else ExitCode.OK)

    summary = "write the poses of SQA3D's situations, which need each scan's extent"
    parser = add_job(jobs, "place-situations", summary, work)
    parser.add_argument("root", type=Path, help="root of the scans")
    parser.add_argument("--dataset", default="scannet", help="how to read them (default: scannet)")
    parser.add_argument(
        "--annotations", type=Path, required=True, help="folder with the SQA3D files"
    )
    parser.add_argument("--splits", nargs="+", default=["train", "val", "test"])


def _verify(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.datasets.verify import Severity, verify_benchmark, verify_dataset

        findings = []
        if args.name not in host.benchmarks or args.name in host.datasets:
            dataset = resolve(host.datasets[args.name])(args.root)
            findings += verify_dataset(dataset, args.splits, jobs=args.jobs)
        if args.name in host.benchmarks:
            benchmark = resolve(host.benchmarks[args.name])(args.root)
            findings += verify_benchmark(benchmark, args.splits)
        for finding in findings:
            print(f"{finding.severity.value}: {finding.message}")
        n_errors = sum(finding.severity is Severity.ERROR for finding in findings)
        print(f"{args.root}: {n_errors} errors, {len(findings) - n_errors} warnings")
        return int(ExitCode.DATA if n_errors else ExitCode.OK)

    summary = "name every missing or damaged file of a data set or benchmark"
    parser = add_job(jobs, "verify", summary, work)
    parser.add_argument("name", help="a name from 'posealign list datasets' or 'list benchmarks'")
    parser.add_argument("root", type=Path, help="its root folder")
    parser.add_argument("--splits", nargs="+", default=[], help="splits that must be complete")
    add_processes(parser)


def _manifest(jobs: Any) -> None:
    def work(args: argparse.Namespace, host: PluginHost) -> int:
        from posealign_core.datasets.manifest import MANIFEST

        if args.json:
            print(json.dumps([dataclasses.asdict(files) for files in MANIFEST], indent=2))
            return int(ExitCode.OK)
        for files in MANIFEST:
            print(files.name)
            for field in ("files", "source", "licence", "command"):
                print(f"  {field:<8} {getattr(files, field)}")
        return int(ExitCode.OK)

    summary = "list the file sets: what, from where, under which licence, made how"
    parser = add_job(jobs, "manifest", summary, work)
    parser.add_argument("--json", action="store_true", help="print JSON")


command = DataCommand
