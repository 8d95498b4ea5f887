"""Nr3D and Sr3D."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posealign_core.benchmarks.referit3d import Nr3D, Sr3D, _distractors
from posealign_core.datasets.entries import Entry
from posealign_core.errors import DataError
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

ROW = {
    "assignmentid": "4701",
    "stimulus_id": "scene0011_00-office chair-3-5-8-9",
    "utterance": "The chair on the left, facing the window",
    "correct_guess": "True",
    "scan_id": "scene0011_00",
    "instance_type": "office chair",
    "target_id": "5",
    "mentions_target_class": "True",
    "tokens": "['the', 'chair', 'on', 'the', 'left']",
    "dataset": "nr3d",
}


def _write(root: Path, name: str, rows: list[dict[str, str]]) -> None:
    with (root / name).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (root / "scannetv2_val.txt").write_text("scene0011_00\n")
    (root / "scannetv2_train.txt").write_text("scene0000_00\n")


def test_nr3d_utterances_of_a_split(tmp_path: Path) -> None:
    other = {**ROW, "assignmentid": "4702", "scan_id": "scene0000_00"}
    _write(tmp_path, "nr3d.csv", [other, ROW])
    (query,) = Nr3D(tmp_path).queries("val")
    assert (query.query_id, query.kind, query.split) == ("4701", TaskKind.SELECT, "val")
    assert (query.text, query.target_ids) == (ROW["utterance"], (5,))
    assert query.candidates == ()
    assert dict(query.extra) == {
        "stimulus_id": ROW["stimulus_id"],
        "instance_type": "office chair",
        "mentions_target_class": "true",
        "correct_guess": "true",
        "n_tokens": "5",
        "view_dependent": "true",
        "distractor_ids": "[8, 9]",
    }
    assert [q.query_id for q in Nr3D(tmp_path).queries("train")] == ["4702"]
    assert [q.query_id for q in Nr3D(tmp_path).queries("test")] == ["4701"]


def test_nr3d_without_assignment_ids_counts_rows(tmp_path: Path) -> None:
    row = {key: value for key, value in ROW.items() if key != "assignmentid"}
    _write(tmp_path, "nr3d.csv", [row, row])
    ids = [query.query_id for query in Nr3D(tmp_path).queries("val")]
    assert ids == ["scene0011_00|5|0", "scene0011_00|5|1"]


def test_sr3d_ids_are_row_and_stimulus(tmp_path: Path) -> None:
    _write(tmp_path, "sr3d.csv", [ROW, ROW])
    ids = [query.query_id for query in Sr3D(tmp_path).queries("val")]
    assert ids == [f"0|{ROW['stimulus_id']}", f"1|{ROW['stimulus_id']}"]


def test_tokens_decide_on_view_dependence_and_words_stand_in(tmp_path: Path) -> None:
    _write(tmp_path, "nr3d.csv", [{**ROW, "tokens": "['chair']"}])
    assert Nr3D(tmp_path).queries("val")[0].extra["view_dependent"] == "false"
    _write(tmp_path, "nr3d.csv", [{key: ROW[key] for key in ROW if key != "tokens"}])
    extra = Nr3D(tmp_path).queries("val")[0].extra
    assert (extra["view_dependent"], extra["n_tokens"]) == ("true", "8")


@settings(deadline=None)
@given(
    label=st.text(st.characters(codec="ascii", exclude_characters=","), min_size=1, max_size=12),
    ids=st.lists(st.integers(0, 400), min_size=1, max_size=6, unique=True),
)
def test_distractors_are_found_behind_any_label(label: str, ids: list[int]) -> None:
    stimulus = "-".join(["scene0011_00", label, str(len(ids)), *map(str, ids)])
    row = Entry({"stimulus_id": stimulus, "target_id": ids[0]}, "row")
    found = _distractors(row)
    # A label such as "3-5" may itself read as an ending; then a longer list is as good a reading.
    assert found == ids[1:] or label.rpartition("-")[2].isdecimal()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target_id": "x"}, "'target_id' as an integer"),
        ({"stimulus_id": "scene0011_00-chair-3-5-8"}, "'stimulus_id' as"),
        ({"stimulus_id": "scene0011_00-chair-2-6-8"}, "target 5"),
        ({"tokens": "['the'"}, "'tokens' as a list of words"),
        ({"tokens": "__import__('os').getcwd()"}, "'tokens' as a list of words"),
    ],
)
def test_rows_of_another_form_are_named(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    _write(tmp_path, "nr3d.csv", [{**ROW, **change}])
    with pytest.raises(DataError, match=rf"nr3d\.csv, row 0.*{message}"):
        Nr3D(tmp_path).queries("val")


def test_a_truncated_csv_is_a_data_error(tmp_path: Path) -> None:
    _write(tmp_path, "nr3d.csv", [ROW, {**ROW, "assignmentid": "2"}])
    path = tmp_path / "nr3d.csv"
    path.write_text(path.read_text()[:-60])
    with pytest.raises(DataError, match=r"nr3d\.csv"):
        Nr3D(tmp_path).queries("val")


def test_the_split_list_is_needed(tmp_path: Path) -> None:
    _write(tmp_path, "nr3d.csv", [ROW])
    (tmp_path / "scannetv2_val.txt").unlink()
    with pytest.raises(DataError, match=r"scannetv2_val\.txt"):
        Nr3D(tmp_path).queries("val")


def test_view_words_are_json_booleans(tmp_path: Path) -> None:
    _write(tmp_path, "nr3d.csv", [ROW])
    extra = Nr3D(tmp_path).queries("val")[0].extra
    assert json.loads(extra["view_dependent"]) is True
    assert json.loads(extra["mentions_target_class"]) is True
