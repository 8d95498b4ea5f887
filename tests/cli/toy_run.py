"""Everything that a run needs, small enough to run in a second: data set, benchmark, backbone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import learning_toy

from posealign_core.benchmarks.base import Benchmark
from posealign_core.cli.command import Command
from posealign_core.errors import DataError
from posealign_core.geometry import Intrinsics
from posealign_core.hookspecs import hookimpl
from posealign_core.host import PluginHost, build_host
from posealign_core.specs import (
    BackboneSpec,
    BackboneTags,
    BenchmarkSpec,
    CommandSpec,
    DatasetSpec,
    Requirement,
)
from posealign_core.structures import CameraTrajectory
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    import argparse

    from posealign_core.structures import Query

TAGS = BackboneTags(
    modes=frozenset({AlignMode.TRANSFORM}),
    kinds=frozenset({TaskKind.ANSWER}),
    packs_questions=True,
)


class ToyScans(learning_toy.ToyDataset):
    """The toy's scans, by a camera that is wide enough for what stands beside it, and slow."""

    def trajectory(self, scene_id: str) -> CameraTrajectory:
        wide = Intrinsics(12.0, 12.0, 32.0, 24.0, 64, 48)
        poses = super().trajectory(scene_id).world_from_camera.repeat(10, axis=0)
        return CameraTrajectory(
            scene_id=scene_id,
            frame_ids=tuple(map(str, range(len(poses)))),
            world_from_camera=poses,
            intrinsics=(wide,) * len(poses),
        )


class ToyQuestions(Benchmark):
    """Trains on scans 0 to 3, asks about 4 and 5."""

    name: ClassVar[str] = "scanqa"
    kind: ClassVar[TaskKind] = TaskKind.ANSWER

    def queries(self, split: str) -> list[Query]:
        wanted = {"train": range(4), "val": range(4, 6)}.get(split, range(0))
        if not self.root.is_dir():
            raise DataError(f"{self.root}: wanted a folder of annotations, found none")
        return [
            replace(query, benchmark=self.name, split=split)
            for query in learning_toy.toy_queries()
            if int(query.scene_id[1:]) in wanted
        ]


class ToySituations(ToyQuestions):
    """The same under another name."""

    name: ClassVar[str] = "sqa3d"


class MakeRooms(Command):
    """Stands in for `posealign rooms make`."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--preset")
        parser.add_argument("--jobs", type=int)

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        (args.folder / "annotations").mkdir(parents=True, exist_ok=True)
        levels = {"all": 0.5, "direction_critical": 0.5}
        text = json.dumps({"chance": {"scanqa": levels, "sqa3d": levels}})
        (args.folder / "rooms.json").write_text(text, encoding="utf-8")
        return 0


class Plugin:
    """Registers the above under the names that the demonstration asks for."""

    @hookimpl
    def posealign_register_backbones(self, register: Any) -> None:
        toy = BackboneSpec(
            name="toy",
            summary="a toy",
            encoder="learning_toy:ToyEncoder",
            model="learning_toy:ToyBackbone",
            config="learning_toy:ToyConfig",
            presets="toy_run_presets",
            tags=TAGS,
        )
        register(toy)
        lacking = Requirement(module="no_such_module", install="pip install no-such-package")
        register(replace(toy, name="toy-lacking", requires=(lacking,)))

    @hookimpl
    def posealign_register_datasets(self, register: Any) -> None:
        spec = DatasetSpec(name="scannet", summary="toy", factory="toy_run:ToyScans")
        register(spec, replace=True)

    @hookimpl
    def posealign_register_benchmarks(self, register: Any) -> None:
        kind = TaskKind.ANSWER
        for name, factory in (("scanqa", "ToyQuestions"), ("sqa3d", "ToySituations")):
            spec = BenchmarkSpec(name=name, summary="toy", factory=f"toy_run:{factory}", kind=kind)
            register(spec, replace=True)

    @hookimpl
    def posealign_register_commands(self, register: Any) -> None:
        register(CommandSpec(name="rooms", summary="toy", factory="toy_run:MakeRooms"))


def make_host() -> PluginHost:
    return build_host(plugins=[Plugin()], entry_points=False, strict=True)
