from __future__ import annotations

import pytest

from posealign_chat_scene.extraction.detector_output import (
    convert_detections,
    read_class_names,
    read_predictions,
    scans_of,
)
from posealign_core.datasets.proposals import read_detected_masks
from posealign_core.errors import DataError

NAMES = "id\traw_category\tcategory\n2\toffice chair\tchair\n2\tstool\tstool\n5\tTable\ttable\n"


@pytest.fixture
def predictions(tmp_path):
    folder = tmp_path / "train"
    masks = folder / "pred_mask" / "scene0000_00"
    masks.mkdir(parents=True)
    (masks / "000.txt").write_text("0\n1\n1\n0\n")
    (masks / "001.txt").write_text("1\n0\n0\n0\n")
    (folder / "scene0000_00.txt").write_text(
        "pred_mask/scene0000_00_000.txt 2 0.91\npred_mask/scene0000_00_001.txt 5 0.35\n"
    )
    (tmp_path / "labels.tsv").write_text(NAMES)
    return folder


def test_a_class_has_the_category_of_its_first_row(predictions):
    assert read_class_names(predictions.parent / "labels.tsv") == {2: "chair", 5: "table"}


def test_masks_become_vertex_lists_in_file_order(predictions, tmp_path):
    names, out = tmp_path / "labels.tsv", tmp_path / "mask3d_inst_seg"
    assert scans_of(predictions) == ["scene0000_00"]
    for _ in range(2):  # the second call keeps what the first has made
        (done,) = convert_detections(predictions, names, out, ["scene0000_00"], jobs=1)
        assert done.result == 2
    masks = read_detected_masks(out / "scene0000_00.pt")
    assert [(label, members.tolist()) for label, members in masks] == [
        ("chair", [1, 2]),
        ("table", [0]),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("pred_mask/scene0000_00_000.txt 2", "line 1: wanted '<mask path>"),
        ("pred_mask/scene0000_00_000.txt two 0.9", "line 1: wanted '<mask path>"),
        ("pred_mask/scene0000_00_000.txt 9 0.9", "class 9 has no name"),
        ("pred_mask/scene0000_00_777.txt 2 0.9", "777.txt: wanted a file"),
    ],
)
def test_a_damaged_list_is_refused(predictions, line, complaint):
    path = predictions / "scene0000_00.txt"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=complaint):
        read_predictions(path, {2: "chair"})


def test_a_label_file_of_other_columns_is_refused(tmp_path):
    (tmp_path / "labels.tsv").write_text("id\tname\nchair\t2\n")
    with pytest.raises(DataError, match="id first"):
        read_class_names(tmp_path / "labels.tsv")
