"""Verification names every fault, not only the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import look_poses, write_json, write_pose_texts, write_scan
from playground_files import write_playground

from posealign_core.benchmarks.scanrefer import ScanRefer
from posealign_core.datasets.generic import Generic
from posealign_core.datasets.manifest import MANIFEST, PUBLISHED_COUNTS
from posealign_core.datasets.processed_3d_llava import Processed3dLlava
from posealign_core.datasets.scannet import ScanNet
from posealign_core.datasets.verify import Severity, verify_benchmark, verify_dataset
from posealign_core.host import build_host

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.datasets.verify import Finding


def _errors(findings: list[Finding]) -> list[str]:
    return [f.message for f in findings if f.severity is Severity.ERROR]


@pytest.fixture
def scannet(tmp_path: Path) -> Path:
    for i in range(3):
        write_pose_texts(write_scan(tmp_path, f"scene000{i}_00") / "pose", look_poses(2))
    return tmp_path


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_whole_tree_has_no_findings(scannet: Path, jobs: int) -> None:
    assert verify_dataset(ScanNet(scannet), [], jobs=jobs) == []


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    for dataset in (ScanNet(tmp_path), Generic(tmp_path), Processed3dLlava(tmp_path)):
        errors = _errors(verify_dataset(dataset, [], jobs=1))
        assert "wanted scans, found none" in errors[0]


def test_every_fault_of_every_scan_is_named(scannet: Path) -> None:
    scans = scannet / "scans"
    mesh = scans / "scene0000_00" / "scene0000_00_vh_clean_2.ply"
    mesh.write_bytes(mesh.read_bytes()[:100])
    (scans / "scene0000_00" / "scene0000_00.aggregation.json").unlink()
    (scans / "scene0001_00" / "pose" / "1.txt").write_text("1 2 3")
    segments = scans / "scene0002_00" / "scene0002_00_vh_clean_2.0.010000.segs.json"
    write_json(segments, {"segIndices": [1, 2, 3]})
    (scannet / "scannetv2_val.txt").write_text("scene0002_00\nscene0777_00\n")
    errors = _errors(verify_dataset(ScanNet(scannet), ["val", "train"], jobs=1))
    expected = [
        "scannetv2_train.txt",
        "scene0000_00_vh_clean_2.ply",
        "scene0000_00.aggregation.json",
        "1.txt: wanted 4 rows",
        "scene0002_00_vh_clean_2.0.010000.segs.json",
        "scene0777_00",
    ]
    for part in expected:
        assert sum(part in error for error in errors) >= 1, (part, errors)
    assert not any("scene0001_00_vh_clean" in error for error in errors)


def test_the_published_tree(tmp_path: Path) -> None:
    root = write_playground(tmp_path / "playground")
    findings = verify_dataset(Processed3dLlava(root), ["train", "val"], jobs=1)
    # The published poses come without cameras, which is worth one warning for the whole tree.
    assert [finding.severity for finding in findings] == [Severity.WARNING]
    assert "constant stands in" in findings[0].message

    data = root / "data"
    (data / "train_info" / "scanqa_train_3d_llava.json").unlink()
    (data / "eval_info" / "sqa3d" / "sqa3d_test_question.json").write_text('{"question_id"')
    (data / "scannet" / "super_points" / "scene0000_00.bin").unlink()
    (data / "scannet" / "val" / "scene0001_00.pth").write_bytes(b"no scan")
    (data / "view_instance_intersection").mkdir()
    ending = "_view_instance_intersection_with_visibility.npz"
    table = data / "view_instance_intersection" / f"scene0000_00{ending}"
    np.savez(table, cam_object_intersections=[[0.5]], pose_files=["0.txt"])
    errors = _errors(verify_dataset(Processed3dLlava(root), [], jobs=1))
    assert len(errors) == 5
    for part in (
        *("scanqa_train_3d", "sqa3d_test_question", "scene0000_00.bin", "scene0001_00.pth"),
        "'valid_object_ids'",
    ):
        assert sum(part in error for error in errors) == 1, (part, errors)


def test_data_sets_without_checks_of_their_own_are_read(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "points.npy", np.zeros((2, 3)))
        np.save(tmp_path / name / "poses.npy", look_poses(1))
    camera = {"fx": 1, "fy": 1, "cx": 0, "cy": 0, "width": 2, "height": 2}
    write_json(tmp_path / "good" / "intrinsics.json", camera)
    (error,) = _errors(verify_dataset(Generic(tmp_path), ["test"], jobs=1))
    assert "bad/intrinsics.json" in error


def test_counts_other_than_the_published_ones_are_warnings(tmp_path: Path) -> None:
    entry = {
        "scene_id": "s",
        "object_id": "1",
        "object_name": "a",
        "ann_id": "0",
        "description": "d",
    }
    write_json(tmp_path / "ScanRefer_filtered_val.json", [entry])
    findings = verify_benchmark(ScanRefer(tmp_path), ["val", "train"])
    assert [finding.severity for finding in findings] == [Severity.WARNING, Severity.ERROR]
    assert "1 queries, the published files have 9508" in findings[0].message
    assert "ScanRefer_filtered_train.json" in findings[1].message


def test_the_manifest_names_real_verbs_and_benchmarks() -> None:
    host = build_host(entry_points=False)
    assert {name for name, _ in PUBLISHED_COUNTS} <= {spec.name for spec in host.benchmarks}
    names = [files.name for files in MANIFEST]
    assert len(set(names)) == len(names)
    for files in MANIFEST:
        assert all((files.files, files.source, files.licence, files.command))
