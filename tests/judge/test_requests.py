from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import DataError
from posealign_core.judge.build import answers_by_key, make_requests
from posealign_core.judge.lines import append_lines, drop_cut_line, read_lines
from posealign_core.judge.request import JudgeRequest, read_requests, requests_text
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

from .conftest import make_request


def query(number, kind=TaskKind.ANSWER):
    return Query(
        query_id=f"q{number}",
        benchmark="scanqa",
        split="val",
        scene_id="s",
        kind=kind,
        text="Where?",
        references=("left",),
    )


@given(st.text(), st.text())
def test_requests_survive_the_file(prediction, reference):
    request = make_request(1, prediction=prediction)
    record = json.loads(requests_text([request]))
    assert JudgeRequest.from_record(record) == request
    assert record["prediction_sha"] == request.prediction_sha


def test_numbers_become_text(tmp_path):
    record = {**make_request(1).to_record(), "key": 220602}
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(record))
    assert read_requests(path)[0].key == "220602"


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "r.jsonl"
    text = requests_text([make_request(1)])
    for content, message in [
        (text.encode() * 2, "twice"),
        (text.encode()[:-20], "line 1 is damaged"),
        (b"[1]\n", "JSON object"),
        (b"\xff\xfe\n", "UTF-8"),
        (text.replace('"a lamp", ', "3, ").encode(), "text in every field"),
        (b"{}\n", "'benchmark'"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_requests(path)
    with pytest.raises(DataError, match="No such file"):
        read_requests(tmp_path / "none")


def test_lines_may_hold_any_character(tmp_path):
    path = tmp_path / "x.jsonl"
    text = "\u2028\u0085\x0b\x00 \n long " + "x" * 100_000
    append_lines(path, [{"text": text}])
    assert read_lines(path) == [{"text": text}]
    path.write_text(json.dumps({"text": "\u2028"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read_lines(path) == [{"text": "\u2028"}]
    path.write_bytes(b'{"a": 1}\n{"a": 2')
    drop_cut_line(path)
    assert read_lines(path) == [{"a": 1}]


def test_every_query_is_in_the_denominator():
    requests = make_requests([query(1), query(2)], {"q2": "right"})
    assert [(r.key, r.prediction) for r in requests] == [("q1", None), ("q2", "right")]
    assert make_requests([query(1, TaskKind.CAPTION)], {})[0].question is None
    with pytest.raises(DataError, match="'q3'"):
        make_requests([query(1)], {"q3": "x"})
    with pytest.raises(DataError, match="'ground'"):
        make_requests([query(1, TaskKind.GROUND)], {})


def test_answers_are_given_once():
    assert answers_by_key([{"key": 1, "text": "a"}]) == {"1": "a"}
    with pytest.raises(DataError, match="twice"):
        answers_by_key([{"key": 1, "text": "a"}, {"key": "1", "text": "b"}])
    with pytest.raises(DataError, match="NoneType"):
        answers_by_key([{"key": 1}])
