"""The jobs of the verb on rooms, as a user calls them."""

from __future__ import annotations

import argparse
import json

import pytest
import torch

from posealign_chat_scene.extraction.command import ChatSceneCommand
from posealign_chat_scene.extraction.tables import FeatureTable, PoseFeatures, YawFeatures
from posealign_core.datasets.proposals import read_attributes
from posealign_core.datasets.scannet import ScanNet
from posealign_core.errors import DataError, ExitCode, MissingDependencyError
from posealign_core.host import build_host
from posealign_core.vocabulary import EgoFrame

SCANS = ["scene0000_00", "scene0001_00"]


@pytest.fixture(scope="module")
def host():
    return build_host()


@pytest.fixture
def call(host, rooms):
    def run(job, *args, scans=True):
        where = ["--dataset", "scannet", "--root", str(rooms)] if scans else []
        parser = argparse.ArgumentParser()
        verb = ChatSceneCommand()
        verb.add_arguments(parser)
        return verb.run(parser.parse_args([job, *map(str, args), *where]), host)

    return run


@pytest.fixture
def masks(rooms, tmp_path):
    """Proposals for each room: its objects in reverse, and a speck."""
    folder = tmp_path / "mask3d_inst_seg"
    folder.mkdir()
    for name in SCANS:
        scene = ScanNet(rooms).scene(name)
        ids = scene.objects.object_ids[::-1]
        found = [
            {"label": "thing", "segments": (scene.instance_ids == i).nonzero()[0].tolist()}
            for i in ids
        ]
        torch.save([*found, {"label": "speck", "segments": [1, 2]}], folder / f"{name}.pt")
    return folder


def test_attributes_of_annotated_objects_equal_the_rooms_own(call, rooms, tmp_path):
    out = tmp_path / "scannet_val_attributes.pt"
    assert call("attributes", "--split", "val", "--out", out, "--jobs", 1) == ExitCode.OK
    ours = read_attributes(out)
    theirs = read_attributes(rooms / "annotations" / "scannet_val_attributes.pt")
    assert ours.keys() == theirs.keys() == {"scene0001_00"}
    for name, scan in ours.items():
        assert scan.labels == theirs[name].labels
        assert scan.boxes == pytest.approx(theirs[name].boxes, abs=1e-4)
        assert scan.object_ids is None


def test_tables_of_annotated_objects(call, rooms, tmp_path, capsys):
    points, images = tmp_path / "uni3d.pt", tmp_path / "views.pt"
    assert call("features-3d", "--tiny", 0, "--out", points) == ExitCode.OK
    folder = rooms / "images"
    assert call("features-2d", "--tiny", 0, "--images", folder, "--out", images) == ExitCode.OK
    table = FeatureTable.read(points)
    n_objects = sum(len(ScanNet(rooms).scene(name).objects) for name in SCANS)
    assert len(table) == n_objects
    attributes = rooms / "annotations" / "scannet_train_attributes.pt"
    capsys.readouterr()
    assert call("missing", attributes, "--tables", points, "--list", scans=False) == ExitCode.OK
    assert f"{points}: 0 of " in capsys.readouterr().out
    assert 0 < len(FeatureTable.read(images)) <= n_objects


def test_streams_and_exports_give_equal_features(call, rooms, tmp_path):
    tables = []
    for name, where in (("a", ["--images", rooms / "images"]), ("b", [])):
        out = tmp_path / f"{name}.pt"
        scan = ["--scenes", SCANS[1]]
        assert call("features-2d", "--tiny", 0, *where, *scan, "--out", out) == ExitCode.OK
        tables.append(torch.load(out, weights_only=True))
    assert tables[0].keys() == tables[1].keys()
    for key, vector in tables[0].items():
        torch.testing.assert_close(vector, tables[1][key], rtol=0.02, atol=0.02)


def test_proposals_are_numbered_by_place_and_specks_are_missing(call, masks, tmp_path, capsys):
    attributes, out = tmp_path / "attributes.pt", tmp_path / "feats.pt"
    assert call("attributes", "--masks", masks, "--out", attributes, "--jobs", 1) == ExitCode.OK
    assert call("features-3d", "--masks", masks, "--tiny", 0, "--out", out) == ExitCode.OK
    assert "2 without a feature: fewer than 10 points" in capsys.readouterr().out
    listed = read_attributes(attributes)[SCANS[0]]
    assert listed.labels[-1] == "speck"
    speck = len(listed.labels) - 1
    call("missing", attributes, "--tables", out, "--list", scans=False)
    assert f"  {SCANS[0]}: {speck}\n" in capsys.readouterr().out
    report = json.loads((tmp_path / "feats.pt.json").read_text())
    assert report["missing"][SCANS[0]] == [speck]


def test_a_scan_without_proposals_fails_alone_and_is_mended(call, masks, tmp_path, capsys):
    good = (masks / f"{SCANS[0]}.pt").read_bytes()
    torch.save([], masks / f"{SCANS[0]}.pt")
    job = ["features-3d", "--masks", masks, "--tiny", 0, "--out", tmp_path / "f.pt"]
    assert call(*job) == ExitCode.DATA
    assert f"{SCANS[0]}: " in capsys.readouterr().err
    (masks / f"{SCANS[0]}.pt").write_bytes(good)
    assert call(*job) == ExitCode.OK


def test_turned_objects(call, tmp_path):
    scan = ["--scenes", SCANS[0], "--tiny", 0]
    plain, turned = tmp_path / "plain.pt", tmp_path / "yaw2.pt"
    assert call("features-3d", *scan, "--out", plain) == ExitCode.OK
    assert call("features-3d", *scan, "--yaw-bins", 2, "--out", turned) == ExitCode.OK
    table = YawFeatures.read(turned)
    assert table.n_bins == 2
    first = table.of(SCANS[0], [0, 1], 0.0).values
    assert first == pytest.approx(FeatureTable.read(plain).of(SCANS[0], [0, 1]).values, abs=3e-3)


def test_frames_of_cameras(call, tmp_path, capsys):
    wanted, out = tmp_path / "frames.json", tmp_path / "uni3d_pose"
    wanted.write_text(json.dumps({SCANS[0]: ["0", "999"], SCANS[1]: ["0"]}))
    job = ["features-3d", "--tiny", 0, "--frames", wanted, "--out", out]
    assert call(*job) == ExitCode.DATA  # frame 999 does not exist
    assert "999" in capsys.readouterr().err
    assert PoseFeatures(out, EgoFrame.CAMERA).of(SCANS[1], "0", [0]).found.all()
    with pytest.raises(DataError, match="wanted features in the ego frame 'level'"):
        PoseFeatures(out, EgoFrame.LEVEL)
    with pytest.raises(DataError, match="ego_frame"):
        call(*job, "--ego-frame", "level")


@pytest.mark.parametrize("content", ["[]", '{"scene0000_00": "0"}'])
def test_a_list_of_frames_of_another_form_is_refused(call, tmp_path, content):
    (tmp_path / "frames.json").write_text(content)
    job = ["--tiny", 0, "--frames", tmp_path / "frames.json", "--out", tmp_path / "out"]
    with pytest.raises(DataError, match="another form"):
        call("features-3d", *job)


def test_an_empty_folder_of_predictions_is_refused(call, tmp_path):
    with pytest.raises(DataError, match="for each scan"):
        call("proposals", tmp_path, "--names", "x", "--out", tmp_path / "out", scans=False)


@pytest.mark.parametrize("option", ["--batch-size", "--workers", "--yaw-bins"])
def test_counts_below_one_are_refused(call, tmp_path, option, capsys):
    with pytest.raises(SystemExit) as stop:
        call("features-3d", "--tiny", 0, option, 0, "--out", tmp_path / "f.pt")
    assert stop.value.code == ExitCode.USAGE
    assert "1 or more" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_refused(call, tmp_path):
    with pytest.raises(MissingDependencyError, match="no GPU"):
        call("features-3d", "--tiny", 0, "--device", "cuda", "--out", tmp_path / "f.pt")
