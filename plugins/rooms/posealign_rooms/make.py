"""Makes a set of rooms on disk: scene by scene in parallel, then the joint files."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.atomic import write_text
from posealign_core.datasets.files import read_json
from posealign_core.datasets.jobs import run_on_scans
from posealign_core.datasets.match_scanqa import match_scanqa
from posealign_core.errors import DataError, SceneNotFoundError, UnknownComponentError
from posealign_core.geometry import aabb_of_points
from posealign_rooms.annotation_files import chance_of, write_annotations
from posealign_rooms.images import write_images, write_stream
from posealign_rooms.mesh import mesh_of
from posealign_rooms.plan import plan_room, scene_ids
from posealign_rooms.playground import write_attributes, write_processed_scan, write_records
from posealign_rooms.presets import PRESETS
from posealign_rooms.scan_files import write_poses, write_scan
from posealign_rooms.shards import read_shards, shard_path, write_shard

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_rooms.mesh import RoomMesh
    from posealign_rooms.plan import RoomPlan
    from posealign_rooms.presets import Preset

__all__ = ["DESCRIPTION", "FORMAT", "load_plan", "make_rooms", "make_scene", "preset_of"]

DESCRIPTION = "rooms.json"
FORMAT = 1
"""Rises when the same preset and seed give another set."""


def preset_of(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownComponentError: There is none.
    """
    if name not in PRESETS:
        raise UnknownComponentError(
            f"no rooms preset named {name!r}; available: {', '.join(sorted(PRESETS))}"
        )
    return PRESETS[name]


def make_rooms(root: Path, preset: Preset, seed: int, *, jobs: int, stream: bool = False) -> None:
    """Make a set of rooms; scenes that are finished already are kept.

    Args:
        root: Folder of the set.
        preset: Its size.
        seed: Everything in it follows from preset and seed.
        jobs: Processes.
        stream: Also write the first validation scene as a `.sens` stream.

    Raises:
        DataError: The folder holds another set, or a scene could not be made.
    """
    names = scene_ids(preset)
    _claim(root, preset, seed)
    work = partial(make_scene, root, preset, seed, stream)
    outcomes = run_on_scans(work, names, jobs=jobs, title=f"rooms ({preset.name})")
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise DataError(
            f"rooms: {len(failed)} scenes failed, first {failed[0].scene_id}: {failed[0].error}"
        )
    shards = read_shards(root, names)
    write_annotations(root, shards)
    write_attributes(root, shards)
    write_records(root, shards)
    match_scanqa(root / "annotations", root / "playground")
    splits = chance_of(shards)
    subsets = ("all", "direction_critical", "other")
    chance = {
        name: {subset: levels[subset] for subset in subsets if subset in levels}
        for name, levels in splits["val"].items()
        if "all" in levels
    }
    _describe(root, {**_identity(preset, seed), "chance": chance, "splits": splits})


def make_scene(root: Path, preset: Preset, seed: int, stream: bool, scene_id: str) -> None:
    """Make all files of one scene, unless it is finished."""
    if shard_path(root, scene_id).is_file():
        return
    index = scene_ids(preset).index(scene_id)
    plan = plan_room(preset, seed, index)
    mesh = mesh_of(plan.layout, preset.spacing_m, np.random.default_rng([seed, index]))
    write_scan(root, plan, mesh)
    write_poses(root, plan)
    write_images(root, plan, preset)
    if stream and index == preset.n_train:
        write_stream(root, plan, preset)
    write_processed_scan(root, plan, mesh)
    write_shard(root, plan, index, _boxes(plan, mesh))


def load_plan(root: Path, scene_id: str) -> tuple[RoomPlan, Preset]:
    """The plan of a scene of a set on disk, and the set's size.

    Raises:
        DataError: The folder holds no set of this version.
        SceneNotFoundError: The set has no such scene.
    """
    found = read_json(root / DESCRIPTION)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DataError(
            f"{root / DESCRIPTION}: wanted rooms of format {FORMAT}, found "
            f"{found.get('format') if isinstance(found, dict) else found!r:.40}; make them again"
        )
    preset = preset_of(found["preset"])
    names = scene_ids(preset)
    if scene_id not in names:
        raise SceneNotFoundError(
            f"{root}: wanted a scene from {names[0]} to {names[-1]}, found {scene_id!r}"
        )
    return plan_room(preset, found["seed"], names.index(scene_id)), preset


def _boxes(plan: RoomPlan, mesh: RoomMesh) -> list[list[float]]:
    """Axis-aligned boxes of the objects' vertices, as the benchmarks define them."""
    aligned = plan.layout.aligned_from_world.apply(mesh.vertices)
    return [
        aabb_of_points(aligned[mesh.instance_ids == o.object_id]).tolist()
        for o in plan.layout.objects
    ]


def _identity(preset: Preset, seed: int) -> dict[str, Any]:
    return {"format": FORMAT, "preset": preset.name, "seed": seed}


def _claim(root: Path, preset: Preset, seed: int) -> None:
    """Mark a folder as this set's, or check that it is."""
    path = root / DESCRIPTION
    wanted = _identity(preset, seed)
    if not path.is_file():
        _describe(root, wanted)
        return
    found = read_json(path)
    if {key: found.get(key) for key in wanted} != wanted:
        raise DataError(
            f"{root}: wanted an empty folder or the rooms {wanted}, found the rooms "
            f"{ {key: found.get(key) for key in wanted} }; choose another folder or delete this one"
        )


def _describe(root: Path, values: dict[str, Any]) -> None:
    write_text(root / DESCRIPTION, json.dumps(values, indent=1) + "\n")
