"""`posealign pose`: the ego pose of one question, and how it was chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_core.cli.command import Command
from posealign_core.cli.recover import add_rule_arguments, rule_settings
from posealign_core.cli.scans import add_dataset_arguments, open_dataset
from posealign_core.errors import DataError
from posealign_core.vocabulary import PoseSource, TaskKind

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost
    from posealign_core.recover import Selector
    from posealign_core.structures import EgoPose, Query, Scene, VisibilityTable

_SHOWN = 12


class PoseCommand(Command):
    """Shows candidates and scores, the chosen pose, and a picture from above."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign pose --root my_scans --scene kitchen --target 7 --every 1",
        "posealign pose --dataset scannet --root scannet --tables visibility --benchmark scanrefer "
        "--query 'scene0011_00|4|0' --selector clip -p ratio=0.3",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the question, the selector and the outputs."""
        add_dataset_arguments(parser)
        asked = parser.add_argument_group("the question: of a benchmark, or a bare target")
        asked.add_argument("--query", metavar="ID", help="id of a question; with --benchmark")
        asked.add_argument("--benchmark", metavar="NAME", help="where the question is")
        asked.add_argument("--split", default="val", help="its split (default: val)")
        asked.add_argument(
            "--annotations", metavar="DIR", type=Path, help="its files (default: ROOT/annotations)"
        )
        asked.add_argument("--scene", metavar="ID", help="a scan; with --target")
        asked.add_argument("--target", metavar="N", type=int, help="an object of that scan")
        parser.add_argument(
            "--tables",
            metavar="DIR",
            type=Path,
            help="what 'recover' has made (default: computed now, with the options below)",
        )
        add_rule_arguments(parser)
        parser.add_argument("--selector", default="top", help="'posealign list selectors'")
        parser.add_argument(
            "-p",
            dest="parameters",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="a parameter of the selector, like ratio=0.3 or frame_id=250",
        )
        parser.add_argument("--seed", type=int, default=0, help="seed of the draw (default: 0)")
        parser.add_argument(
            "--output", metavar="PNG", type=Path, default=Path("pose.png"), help="the picture"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Choose the pose, print it and draw it."""
        from posealign_core.recover import Annotated, query_rng
        from posealign_core.recover.pictures import draw_pose

        query = _query(args, host)
        dataset = open_dataset(args, host)
        scene = dataset.scene(query.scene_id)
        trajectory = dataset.trajectory(query.scene_id)
        table = _table(args, scene, trajectory)
        pose = host.recover_pose(
            query=query,
            scene=scene,
            trajectory=trajectory,
            visibility=table,
            selector=_selector(args, host),
            rng=query_rng(args.seed, 0, query.query_id),
        )
        annotated = Annotated().direct(query, trajectory)
        draw_pose(args.output, scene, table, query, pose, annotated)
        if args.json:
            print(json.dumps({**_plain(query, table, pose), "picture": str(args.output)}))
        else:
            _print(query, table, pose, args.output)
        return 0


def _query(args: argparse.Namespace, host: PluginHost) -> Query:
    from posealign_core.registry import resolve
    from posealign_core.structures import Query

    if args.scene is not None and args.target is not None and args.query is None:
        return Query(
            query_id=f"{args.scene}|{args.target}",
            benchmark="",
            split="",
            scene_id=args.scene,
            kind=TaskKind.ANSWER,
            text="",
            target_ids=(args.target,),
        )
    if args.query is None or args.benchmark is None:
        raise DataError("wanted --query with --benchmark, or --scene with --target")
    folder = args.annotations or args.root / "annotations"
    queries: list[Query] = resolve(host.benchmarks[args.benchmark])(folder).queries(args.split)
    for query in queries:
        if query.query_id == args.query:
            return query
    few = ", ".join(query.query_id for query in queries[:3])
    raise DataError(
        f"{args.benchmark} {args.split}: no question {args.query!r} among {len(queries)} in "
        f"{str(folder)!r}; ids look like {few or 'none'}"
    )


def _table(args: argparse.Namespace, scene: Scene, trajectory: Any) -> VisibilityTable:
    from posealign_core.recover import load_table, recover_scene, table_path

    if args.tables is not None:
        return load_table(table_path(args.tables, scene.scene_id), trajectory)
    return recover_scene(scene, trajectory, rule_settings(args))


def _selector(args: argparse.Namespace, host: PluginHost) -> Selector:
    import yaml

    from posealign_core.registry import resolve

    parameters = {}
    for text in args.parameters:
        key, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"-p: wanted KEY=VALUE, found {text!r}")
        parameters[key] = yaml.safe_load(value)
    spec = host.selectors[args.selector]
    try:
        selector: Selector = resolve(spec)(**parameters)
    except TypeError as error:
        raise DataError(f"selector {args.selector!r}: {error}; give parameters with -p") from error
    return selector


def _ranked(table: VisibilityTable, target: int | None) -> list[tuple[str, float]]:
    """Frames that see the target with their scores, best first."""
    scores = None if target is None else table.column(target)
    if scores is None:
        return []
    rows = sorted((row for row in range(len(scores)) if scores[row] > 0), key=lambda r: -scores[r])
    return [(table.trajectory.frame_ids[row], float(scores[row])) for row in rows]


def _plain(query: Query, table: VisibilityTable, pose: EgoPose) -> dict[str, Any]:
    return {
        "query_id": query.query_id,
        "scene_id": query.scene_id,
        "rule": table.rule,
        "source": pose.source.value,
        "selector": pose.selector,
        "frame_id": pose.frame_id,
        "object_id": pose.object_id,
        "score": pose.score,
        "fallback_reason": pose.fallback_reason,
        "world_from_camera": pose.reference_from_camera.matrix.tolist(),
        "candidates": [{"frame_id": f, "score": s} for f, s in _ranked(table, pose.object_id)],
    }


def _print(query: Query, table: VisibilityTable, pose: EgoPose, picture: Path) -> None:
    if query.text:
        print(query.text)
    ranked = _ranked(table, pose.object_id)
    if pose.object_id is not None:
        print(f"{len(ranked)} of {len(table.trajectory)} kept frames see object {pose.object_id}:")
    for frame_id, score in ranked[:_SHOWN]:
        print(f"  {frame_id:>8}  {score:.3f}{'  <- chosen' if frame_id == pose.frame_id else ''}")
    if len(ranked) > _SHOWN:
        print(f"  ... and {len(ranked) - _SHOWN} more")
    rotation = pose.reference_from_camera.rotation
    if pose.source is PoseSource.FALLBACK:
        print(f"fallback: {pose.fallback_reason}")
    frame = "" if pose.frame_id is None else f", frame {pose.frame_id}"
    print(f"pose: {pose.source.value} by {pose.selector or 'annotation'}{frame}")
    for name, vector in (
        ("position", pose.reference_from_camera.translation),
        ("front", rotation[:, 2]),
        ("left", -rotation[:, 0]),
        ("up", -rotation[:, 1]),
    ):
        print(f"  {name:<9}" + " ".join(f"{value:7.3f}" for value in vector))
    print(f"picture: {picture}")


command = PoseCommand
