"""Training and evaluation records, and the object ids that ScanQA lacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from data_files import write_json
from playground_files import train_record, write_playground

from posealign_core.datasets.match_scanqa import match_scanqa
from posealign_core.datasets.records_3d_llava import (
    read_eval_info,
    read_matched_train,
    read_matched_val,
    read_train_info,
)
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("fields", "object_ids"),
    [
        ({"object_id": 3}, (3,)),
        ({"object_id": [3, 5]}, (3, 5)),
        ({"object_id": []}, ()),
        ({"object_id": -1}, ()),
        ({"object_id": [-1]}, ()),
        ({"object_id": None}, ()),
        ({"object_id": "7"}, (7,)),
        ({}, ()),
    ],
)
def test_object_ids_of_every_form(
    tmp_path: Path, fields: dict[str, Any], object_ids: tuple[int, ...]
) -> None:
    path = write_json(tmp_path / "t.json", [train_record(4, "scene0000_00", "<pc>\nHi.", **fields)])
    (record,) = read_train_info(path)
    assert record.object_ids == object_ids
    assert (record.record_id, record.task_type, record.proposal_id) == ("4", "vqa", None)
    assert record.human == "<pc>\nHi."
    assert record.turns[1] == ("gpt", "brown")


def test_records_without_a_human_turn_or_a_field_are_named(tmp_path: Path) -> None:
    good = train_record(0, "scene0000_00", "hi")
    mute = {**good, "conversations": [{"from": "gpt", "value": "x"}]}
    with pytest.raises(DataError, match=r"t\.json, entry 1: wanted a human turn"):
        read_train_info(write_json(tmp_path / "t.json", [good, mute]))
    del good["task_type"]
    with pytest.raises(DataError, match="wanted a field 'task_type'"):
        read_train_info(write_json(tmp_path / "t.json", [good]))
    with pytest.raises(DataError, match="wanted a list of entries, found dict"):
        read_train_info(write_json(tmp_path / "t.json", {}))


def test_evaluation_files_of_every_benchmark(tmp_path: Path) -> None:
    root = write_playground(tmp_path)
    (scanrefer,) = read_eval_info(root, "scanrefer")
    assert (scanrefer.object_ids, scanrefer.text, scanrefer.record_id) == ((3,), "a chair", "0")
    (multi,) = read_eval_info(root, "multi3drefer")
    assert (multi.scene_id, multi.object_ids) == ("scene0001_00", ())
    (scanqa,) = read_eval_info(root / "data", "scanqa")
    assert (scanqa.record_id, scanqa.text) == ("val-0", "Where?")
    (sqa3d,) = read_eval_info(root / "data" / "eval_info", "sqa3d")
    assert sqa3d.record_id == "220602000000"
    (scan2cap,) = read_eval_info(root, "scan2cap")
    assert (scan2cap.object_ids, scan2cap.proposal_id) == ((3,), 12)
    assert scan2cap.references == ("sos A chair. eos",)
    with pytest.raises(DataError, match="found 'nr3d'"):
        read_eval_info(root, "nr3d")


def test_a_broken_line_of_json_lines_is_named(tmp_path: Path) -> None:
    root = write_playground(tmp_path)
    path = root / "data" / "eval_info" / "scanqa" / "scanqa_val_question.jsonl"
    path.write_text(path.read_text() + "\n" + '{"question_id": "val-1", "scene')
    with pytest.raises(DataError, match="damage at line 3"):
        read_eval_info(root, "scanqa")


def _official(name: str, scene: str, question: str, ids: list[int]) -> dict[str, Any]:
    return {"question_id": name, "scene_id": scene, "question": question, "object_ids": ids}


def _scanqa(tmp_path: Path, questions: list[tuple[str, str]]) -> tuple[Path, Path]:
    """A tree whose ScanQA training samples are these, and official annotations to match."""
    root = write_playground(tmp_path / "playground")
    rows = [
        train_record(i, scene, f"<pc>\n {text} Answer the question simply.")
        for i, (scene, text) in enumerate(questions)
    ]
    write_json(root / "data" / "train_info" / "scanqa_train_3d_llava.json", rows)
    train = [
        _official("train-0", "scene0000_00", "What color is it?", [4, 6]),
        _official("train-1", "scene0000_00", "What color is it?", [5]),
        _official("train-2", "scene0001_00", "What color is it?", [8]),
    ]
    folder = tmp_path / "scanqa"
    write_json(folder / "ScanQA_v1.0_train.json", train)
    write_json(folder / "ScanQA_v1.0_val.json", [_official("val-0", "scene0001_00", "W?", [1])])
    return folder, root


def test_training_samples_match_by_scan_and_text_the_first_question_winning(tmp_path: Path) -> None:
    annotations, root = _scanqa(
        tmp_path,
        [
            ("scene0001_00", "What color is it?"),
            ("scene0000_00", "What color is it?"),
            ("scene0000_00", "what color is it?"),
        ],
    )
    report = match_scanqa(annotations, root)
    assert (report.n_train, report.n_unmatched, report.n_val) == (3, 1, 1)
    assert json.loads(report.train_path.read_text()) == [[8], [4, 6], [-1]]
    assert json.loads(report.val_path.read_text()) == {"val-0": [1]}
    assert read_matched_train(report.train_path) == [(8,), (4, 6), ()]
    assert read_matched_val(report.val_path) == {"val-0": (1,)}


def test_text_is_cut_as_the_release_cuts_it(tmp_path: Path) -> None:
    # Six characters in front and 28 behind, whatever they are.
    annotations, root = _scanqa(tmp_path, [])
    row = train_record(0, "scene0000_00", "123456What color is it?" + "x" * 28)
    write_json(root / "data" / "train_info" / "scanqa_train_3d_llava.json", [row])
    assert match_scanqa(annotations, root).n_unmatched == 0


@pytest.mark.parametrize("ids", [[], ["val-0", "val-0"], ["val-1"]])
def test_validation_ids_must_match_exactly_once(tmp_path: Path, ids: list[str]) -> None:
    annotations, root = _scanqa(tmp_path, [])
    rows = [_official(name, "scene0001_00", "W?", [1]) for name in ids]
    write_json(annotations / "ScanQA_v1.0_val.json", rows)
    with pytest.raises(DataError, match=r"ScanQA_v1\.0_val\.json"):
        match_scanqa(annotations, root)
    written = root / "data" / "complementary_info" / "matched_ScanQA_v1.0_train.json"
    assert json.loads(written.read_text()) == [[3]], "a failed match must leave the old files"
