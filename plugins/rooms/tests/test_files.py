"""What is on disk, read by the core's readers and by simple ones written here."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from plyfile import PlyData

from posealign_core.benchmarks.situations import situation_pose
from posealign_core.datasets.safe_load import load_pickle
from posealign_core.datasets.sens import SensStream
from posealign_core.evaluation.protocols.groups import (
    LABEL_MAP,
    read_label_map,
    unique_and_multiple,
)
from posealign_core.geometry import is_rigid
from posealign_core.host import build_host
from posealign_core.registry import resolve
from posealign_rooms.make import load_plan

if TYPE_CHECKING:
    from pathlib import Path

SCENES = ("scene0000_00", "scene0001_00", "scene0002_00")
BENCHMARKS = ("scanrefer", "multi3drefer", "nr3d", "scanqa", "sqa3d", "scan2cap")


@pytest.fixture(scope="module")
def host():
    return build_host(entry_points=False)


@pytest.fixture(scope="module")
def scannet(host, tree: Path):
    return resolve(host.datasets["scannet"])(tree)


def queries(host, tree: Path, benchmark: str, split: str):
    return resolve(host.benchmarks[benchmark])(tree / "annotations").queries(split)


def test_splits_are_disjoint(scannet) -> None:
    assert scannet.scene_ids("train") == list(SCENES[:2])
    assert scannet.scene_ids("val") == list(SCENES[2:])
    assert scannet.scene_ids() == list(SCENES)


@pytest.mark.parametrize("scene_id", SCENES)
def test_scans_are_read_back(scannet, tree: Path, scene_id: str) -> None:
    plan, _ = load_plan(tree, scene_id)
    scene = scannet.scene(scene_id)
    ply = PlyData.read(tree / "scans" / scene_id / f"{scene_id}_vh_clean_2.ply")
    points = np.stack([ply["vertex"][axis] for axis in "xyz"], axis=1)
    np.testing.assert_array_equal(scene.points, points)
    assert (ply["vertex"]["alpha"] == 255).all()
    assert len(ply["face"]["vertex_indices"]) > len(points)
    assert scene.objects is not None
    assert scene.objects.labels == tuple(o.kind for o in plan.layout.objects)
    np.testing.assert_allclose(
        scene.objects.centers, plan.layout.world_from_aligned.apply(plan.layout.centers), atol=0.06
    )
    found = scene.aligned_from_world.matrix
    np.testing.assert_allclose(found, plan.layout.aligned_from_world.matrix, atol=1e-6)
    assert np.abs(found - np.eye(4)).max() > 0.01
    assert (np.bincount(scene.instance_ids[scene.instance_ids >= 0]) > 20).all()


@pytest.mark.parametrize("scene_id", SCENES)
def test_poses_are_read_back(scannet, tree: Path, scene_id: str) -> None:
    plan, preset = load_plan(tree, scene_id)
    trajectory = scannet.trajectory(scene_id)
    np.testing.assert_allclose(trajectory.world_from_camera, plan.world_from_camera, atol=1e-9)
    assert len(trajectory) == preset.n_frames
    assert trajectory.intrinsics[0] == plan.intrinsics
    text = (tree / "poses" / "scans" / scene_id / "pose" / "0.txt").read_text().split("\n")
    assert [len(line.split()) for line in text] == [4, 4, 4, 4, 0]
    assert all(len(number.partition(".")[2]) == 6 for number in text[0].split())


def test_images_are_read_back(tree: Path) -> None:
    plan, preset = load_plan(tree, SCENES[0])
    folder = tree / "images" / SCENES[0]
    wanted = {
        f"{i}.png"
        for i in range(0, preset.n_frames, preset.image_every)
        if is_rigid(plan.world_from_camera[i])
    }
    for name, mode in (("color", "RGB"), ("depth", "I;16")):
        assert {path.name for path in (folder / name).iterdir()} == wanted
        with Image.open(folder / name / min(wanted)) as image:
            assert image.mode == mode
            camera = json.loads((folder / "intrinsics.json").read_text())
            assert image.size == (camera["width"], camera["height"])
            if name == "depth":
                depth = np.asarray(image)
    assert depth.dtype == np.uint16
    assert 500 < np.median(depth) < 8000


def test_the_stream_holds_the_same_frames(tree: Path) -> None:
    plan, preset = load_plan(tree, SCENES[2])
    with SensStream(tree / "scans" / SCENES[2] / f"{SCENES[2]}.sens") as stream:
        poses = stream.recording().world_from_camera
        np.testing.assert_allclose(poses, plan.world_from_camera, atol=1e-5)
        frame = next(
            i
            for i in range(0, preset.n_frames, preset.image_every)
            if is_rigid(plan.world_from_camera[i])
        )
        with Image.open(tree / "images" / SCENES[2] / "color" / f"{frame}.png") as image:
            np.testing.assert_array_equal(stream.color(frame), np.asarray(image))
    assert not (tree / "scans" / SCENES[0] / f"{SCENES[0]}.sens").exists()


def test_the_processed_tree_is_the_same_scan(host, scannet, tree: Path) -> None:
    processed = resolve(host.datasets["3d_llava"])(tree / "playground")
    assert processed.scene_ids("train") == list(SCENES[:2])
    for scene_id in SCENES:
        raw, other = scannet.scene(scene_id), processed.scene(scene_id)
        np.testing.assert_array_equal(raw.points, other.points)
        np.testing.assert_array_equal(raw.colors, other.colors)
        np.testing.assert_array_equal(raw.instance_ids, other.instance_ids)
        np.testing.assert_array_equal(raw.superpoint_ids, other.superpoint_ids)
        # The thinnest pole has eight sides: at its seam a face is half a step, 22.5 degrees, off.
        assert (raw.normals * other.normals).sum(axis=1).min() > 0.92
        np.testing.assert_allclose(raw.objects.corners, other.objects.corners, atol=1e-6)
        np.testing.assert_array_equal(
            raw.aligned_from_world.matrix, other.aligned_from_world.matrix
        )
        trajectory = processed.trajectory(scene_id)
        assert trajectory.intrinsics[0] == scannet.trajectory(scene_id).intrinsics[0]


def test_processed_files_hold_plain_arrays(tree: Path) -> None:
    data = tree / "playground" / "data" / "scannet"
    with torch.serialization.safe_globals([]):
        alignment = load_pickle(data / "scannet_axis_align_matrix_trainval.pkl")
    assert set(alignment) == set(SCENES)
    superpoints = np.fromfile(data / "super_points" / f"{SCENES[0]}.bin", dtype="<i8")
    segments = tree / "scans" / SCENES[0] / f"{SCENES[0]}_vh_clean_2.0.010000.segs.json"
    assert superpoints.tolist() == json.loads(segments.read_text())["segIndices"]


@pytest.mark.parametrize("benchmark", BENCHMARKS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_every_query_has_its_askers_pose(host, tree: Path, benchmark: str, split: str) -> None:
    found = queries(host, tree, benchmark, split)
    assert found
    flags = [query.extra["direction_critical"] for query in found]
    assert set(flags) == {"true", "false"}
    for query in found:
        assert query.annotated_pose is not None
        assert query.scene_id in (SCENES[:2] if split == "train" else SCENES[2:])


def test_queries_are_what_was_planned(host, tree: Path) -> None:
    plan, _ = load_plan(tree, SCENES[2])
    for benchmark in ("scanrefer", "multi3drefer", "nr3d", "scanqa"):
        found = queries(host, tree, benchmark, "val")
        planned = [(v, one) for v in plan.views for one in v.asked[benchmark]]
        assert [q.text for q in found] == [one.text for _, one in planned]
        assert [q.target_ids for q in found] == [one.item.targets for _, one in planned]
        for query, (view, one) in zip(found, planned, strict=True):
            np.testing.assert_array_equal(
                query.annotated_pose.matrix, plan.world_from_camera[view.frame]
            )
            assert query.extra["direction_critical"] == str(one.directional).lower()
            if benchmark == "scanqa":
                assert query.references == (one.item.answer,)


def test_situations_read_as_the_benchmark_defines_them(host, scannet, tree: Path) -> None:
    """Position from the room's centre and rotation give the pose of the pose file, height apart."""
    asked = [q for split in ("val", "test") for q in queries(host, tree, "sqa3d", split)]
    plan, _ = load_plan(tree, SCENES[2])
    assert len(asked) == sum(len(view.asked["sqa3d"]) for view in plan.views)
    scene = scannet.scene(SCENES[2])
    for query in asked:
        pose = situation_pose(query, scene)
        np.testing.assert_allclose(pose.rotation, query.annotated_pose.rotation, atol=1e-6)
        np.testing.assert_allclose(
            pose.translation[:2], query.annotated_pose.translation[:2], atol=1e-4
        )


def test_captions_are_asked_from_where_a_directional_text_was_written(host, tree: Path) -> None:
    texts = {q.query_id: q for q in queries(host, tree, "scanrefer", "val")}
    for query in queries(host, tree, "scan2cap", "val"):
        own = [q for key, q in texts.items() if key.startswith(f"{query.query_id}|")]
        assert query.references == tuple(q.text for q in own)
        critical = any(q.extra["direction_critical"] == "true" for q in own)
        assert (query.extra["direction_critical"] == "true") == critical


def test_official_columns_and_fields(tree: Path) -> None:
    folder = tree / "annotations"
    with (folder / "nr3d.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {
        "assignmentid", "stimulus_id", "utterance", "correct_guess", "scan_id", "instance_type",
        "target_id", "mentions_target_class", "tokens", "dataset",
    }  # fmt: skip
    for row in rows:
        scan, kind, n, target, *others = row["stimulus_id"].split("-")
        assert (scan, kind, target) == (row["scan_id"], row["instance_type"], row["target_id"])
        assert int(n) == len(others) + 1 > 1
    described = json.loads((folder / "ScanRefer_filtered_val.json").read_text())
    assert {type(row[key]) for row in described for key in ("object_id", "ann_id")} == {str}
    kinds = {
        row["eval_type"] for row in json.loads((folder / "multi3drefer_train.json").read_text())
    }
    assert kinds <= {"zt_w_d", "zt_wo_d", "st_w_d", "st_wo_d", "mt"}
    assert {"zt_w_d", "mt"} < kinds


def test_records_of_the_processed_tree(tree: Path) -> None:
    data = tree / "playground" / "data"
    names = {path.name.partition("_train_")[0] for path in (data / "train_info").iterdir()}
    assert names == {
        "scanrefer", "multi3drefer", "nr3d", "scan2cap", "nr3d_caption", "scanqa", "sqa3d",
    }  # fmt: skip
    matched = json.loads((data / "complementary_info/matched_ScanQA_v1.0_train.json").read_text())
    records = json.loads((data / "train_info" / "scanqa_train_3d_llava.json").read_text())
    assert len(matched) == len(records)
    assert [-1] not in matched
    captions = json.loads((data / "train_info" / "scan2cap_train_3d_llava.json").read_text())
    assert all(r["conversations"][0]["value"].count("<loc>") == 1 for r in captions)
    refers = json.loads((data / "train_info" / "multi3drefer_train_3d_llava.json").read_text())
    for record in refers:
        assert ("[SEG]" in record["conversations"][1]["value"]) == bool(record["object_id"])


def test_attributes_hold_aligned_boxes(tree: Path) -> None:
    for split, names in (("train", SCENES[:2]), ("val", SCENES[2:])):
        path = tree / "annotations" / f"scannet_{split}_attributes.pt"
        values = torch.load(path, weights_only=True)
        assert set(values) == set(names)
        for name, entry in values.items():
            plan, _ = load_plan(tree, name)
            assert entry["objects"] == [o.kind for o in plan.layout.objects]
            assert entry["locs"].dtype == torch.float32
            np.testing.assert_allclose(entry["locs"], plan.layout.aligned_boxes, atol=0.06)


def test_the_description_counts_and_states_chance(host, tree: Path) -> None:
    values = json.loads((tree / "rooms.json").read_text())
    assert (values["preset"], values["seed"]) == ("tiny", 3)
    for split, benchmarks in values["splits"].items():
        for benchmark, levels in benchmarks.items():
            found = queries(host, tree, benchmark, split)
            critical = sum(q.extra["direction_critical"] == "true" for q in found)
            assert levels["n_all"] == len(found)
            assert levels["n_direction_critical"] == critical
            assert ("all" in levels) == (benchmark != "scan2cap")
            if "all" not in levels:
                continue
            assert levels["direction_critical"] == 0.5
            assert levels["other"] == 1.0
            assert levels["all"] == pytest.approx(1 - critical / len(found) / 2)
    assert values["chance"]["scanqa"]["all"] == values["splits"]["val"]["scanqa"]["all"]


def test_label_map_names_the_class_of_every_described_object(host, tree: Path):
    class_of = read_label_map(tree / "annotations" / LABEL_MAP)
    described = queries(host, tree, "scanrefer", "val")
    names = {query.extra["object_name"].replace("_", " ") for query in described}
    assert names <= class_of.keys()
    assert class_of["armchair"] == "chair"
    groups = unique_and_multiple(described, class_of)
    ids = {query.query_id for query in described}
    assert {*groups.get("unique", ()), *groups.get("multiple", ())} == ids
