from __future__ import annotations

import pytest
import torch

from posealign_chat_scene.extraction.parts import ScanFeatures, ScanWork, extract_table
from posealign_chat_scene.extraction.tables import FeatureTable
from posealign_core.errors import DataError

SCANS = [f"scene{i:04}_00" for i in range(5)]


class _Work:
    """One object per scan, and one that is missing; notes what it is asked to do."""

    def __init__(self, failing=(), dying=()) -> None:
        self.failing, self.dying = set(failing), set(dying)
        self.prepared, self.encoded = [], []

    def prepare(self, scene_id):
        self.prepared.append(scene_id)
        if scene_id in self.failing:
            raise DataError(f"{scene_id} is damaged")
        return scene_id

    def encode(self, scene_id):
        if scene_id in self.dying:
            raise KeyboardInterrupt
        self.encoded.append(scene_id)
        vector = torch.full((2,), float(scene_id[5:9]))
        return ScanFeatures(vectors={0: vector}, skipped={"never seen": (3,)}, counts={"frames": 2})


def _extract(work, out, scans=SCANS, **settings):
    scan_work = ScanWork(prepare=work.prepare, encode=work.encode)
    return extract_table(scan_work, scans, out, settings=settings, workers=2, title="test")


def test_a_table_and_its_report(tmp_path):
    out = tmp_path / "annotations" / "feats.pt"
    report = _extract(_Work(), out, seed=1)
    assert (report.n_scans, report.n_features, report.kept) == (5, 5, False)
    assert (report.skipped, report.counts) == ({"never seen": 5}, {"frames": 10})
    assert report.missing["scene0002_00"] == (3,)
    assert FeatureTable.read(out).of("scene0002_00", [0]).values.tolist() == [[2, 2]]
    assert sorted(p.name for p in out.parent.iterdir()) == ["feats.pt", "feats.pt.json"]


def test_a_finished_table_is_kept(tmp_path):
    work = _Work()
    first = _extract(work, tmp_path / "f.pt", seed=1)
    again = _extract(work, tmp_path / "f.pt", seed=1)
    assert again.kept
    assert (again.missing, again.counts) == (first.missing, first.counts)
    assert len(work.encoded) == 5


def test_a_killed_extraction_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _extract(_Work(dying=[SCANS[2]]), tmp_path / "f.pt")
    assert not (tmp_path / "f.pt").exists()
    work = _Work()
    report = _extract(work, tmp_path / "f.pt")
    assert work.encoded == SCANS[2:]
    assert report.n_features == 5


def test_the_table_is_the_same_whether_killed_or_not(tmp_path):
    _extract(_Work(), tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        _extract(_Work(dying=[SCANS[3]]), tmp_path / "killed.pt")
    _extract(_Work(), tmp_path / "killed.pt")
    assert (tmp_path / "whole.pt").read_bytes() == (tmp_path / "killed.pt").read_bytes()


def test_failed_scans_are_named_and_tried_again(tmp_path):
    report = _extract(_Work(failing=[SCANS[1]]), tmp_path / "f.pt")
    assert report.errors == {SCANS[1]: "scene0001_00 is damaged"}
    assert report.n_scans == 4
    assert not (tmp_path / "f.pt").exists()
    work = _Work()
    assert _extract(work, tmp_path / "f.pt").errors == {}
    assert work.encoded == [SCANS[1]]


def test_parts_of_other_settings_are_refused(tmp_path):
    _extract(_Work(failing=[SCANS[1]]), tmp_path / "f.pt", fit="full_frame")
    with pytest.raises(DataError, match=r"these fit, found others; delete .*f\.pt\.parts"):
        _extract(_Work(), tmp_path / "f.pt", fit="released")


def test_a_table_of_other_scans_or_settings_is_refused(tmp_path):
    _extract(_Work(), tmp_path / "f.pt")
    with pytest.raises(DataError, match="these scans, found others"):
        _extract(_Work(), tmp_path / "f.pt", SCANS[:2])
    with pytest.raises(DataError, match="these settings, found others"):
        _extract(_Work(), tmp_path / "f.pt", seed=2)


def test_a_downloaded_table_is_not_overwritten(tmp_path):
    torch.save({"scene0000_00_00": torch.zeros(2)}, tmp_path / "f.pt")
    with pytest.raises(DataError, match="choose another name"):
        _extract(_Work(), tmp_path / "f.pt")


def test_no_more_scans_are_read_ahead_than_there_are_threads(tmp_path):
    work, ahead = _Work(), []
    encode = work.encode

    def watched(scene_id):
        ahead.append(len(work.prepared) - len(work.encoded))
        return encode(scene_id)

    work.encode = watched
    _extract(work, tmp_path / "f.pt")
    assert max(ahead) <= 3
