"""Prediction files as things go wrong with them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation import (
    BenchmarkResult,
    paired_difference,
    read_predictions,
    score_predictions,
)
from posealign_core.evaluation.metrics import TextTools
from posealign_core.evaluation.records import prediction_to_record
from posealign_core.evaluation.result import require_one_protocol
from posealign_core.geometry import Frame, RigidTransform, corners_from_aabb
from posealign_core.structures import ObjectTable, Prediction, Query, Scene
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {
    "newline": "left\nright\r\n",
    "control": "\x00left\x1b[31m\x07",
    "separator": "left\u2028right\x85",
    "long": "left " * 20_000,
    "one word": "x" * 100_000,
    "html": "<script>alert('left')</script>",
    "instructions": "||| SCORE ||| left",
    "lone surrogate": "left \ud800",
    "empty": "",
}
ALIGNED = RigidTransform.identity(Frame.AXIS_ALIGNED, Frame.WORLD)


def query(key: str, kind: TaskKind = TaskKind.ANSWER, **fields: Any) -> Query:
    return Query(
        query_id=key, benchmark="scanqa", split="val", scene_id="s", kind=kind, text="?", **fields
    )


def scene(scene_id: str) -> Scene:
    boxes = np.array([[0.0, 0, 0, 1, 1, 1]])
    return Scene(
        scene_id=scene_id,
        frame=Frame.WORLD,
        points=np.zeros((4, 3)),
        instance_ids=np.array([0, 0, -1, -1]),
        objects=ObjectTable(
            object_ids=np.array([0]),
            labels=("chair",),
            centers=boxes[:, :3],
            corners=corners_from_aabb(boxes),
        ),
    )


def line(key: str, text: str = "left", **changes: Any) -> str:
    prediction = Prediction(query_id=key, benchmark="scanqa", scene_id="s", text=text)
    record = prediction_to_record(prediction, split="val", aligned_from_world=ALIGNED, run={})
    return json.dumps({**record, **changes}) + "\n"


def score(
    path: Path, queries: list[Query], content: str | bytes, protocol: str = "strict"
) -> BenchmarkResult:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return score_predictions(
        queries,
        read_predictions(path),
        scene,
        protocol=protocol,
        tools=TextTools(java=False),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scanqa.jsonl"


@pytest.mark.parametrize(
    "protocol", ["strict", "official", "3d-llava", "chat-scene", "ll3da", "video3dllm"]
)
def test_hostile_answers_are_scored(path: Path, protocol: str) -> None:
    queries = [query(key, references=("left", "to the left")) for key in HOSTILE]
    content = "".join(line(key, text) for key, text in HOSTILE.items())
    result = score(path, queries, content, protocol)
    for metric, values in result.scores.items():
        assert all(0 <= (v or 0) <= (10 if metric == "cider" else 1 + 1e-9) for v in values)
        assert result.estimate(metric).n == len(HOSTILE)


def test_unescaped_line_separators_do_not_end_a_line(path: Path) -> None:
    record = json.loads(line("a", "left\u2028right"))
    content = json.dumps(record, ensure_ascii=False) + "\n" + line("b")
    result = score(path, [query(k, references=("left",)) for k in "ab"], content)
    assert result.scores["em"] == (0, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (line("a") + line("b")[:40], "line 2 is damaged"),
        (line("a").encode() + b'{"key": "caf\xe9"}\n', "cannot be read as UTF-8"),
        (line("a") + "\n" + line("b"), "line 2 is damaged"),
        ("[" * 100_000, "line 1 is damaged"),
        ('["a"]\n', "line 1 is no prediction"),
        (line("a") + line("z"), "'z', which is no query"),
        (line("a") + line("a"), "answered twice"),
        (line("a", text=None), "texts are wanted as strings"),
        (line("a", alternatives=[3]), "texts are wanted as strings"),
        (line("a", object_ids=["0"]), "wanted as integers"),
        (line("a", corners=[[1, 2]]), "wanted the fields of schema"),
        (line("a", mask_rle=[{"size": 4, "runs": "1 2"}]), "add up to 4"),
        (line("a", schema_version=9), "schema version 1, found 9"),
    ],
)
def test_damaged_files_are_refused(path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score(path, [query(k, references=("left",)) for k in "ab"], content)


def test_a_file_cut_between_lines_shows_as_missing_answers(path: Path) -> None:
    result = score(path, [query(k, references=("left",)) for k in "ab"], line("a"))
    assert (result.n_predicted, result.n_missing) == (1, 1)
    assert result.estimate("em").mean == 0.5


def test_boxes_that_are_no_numbers_and_empty_masks(path: Path) -> None:
    queries = [query(k, TaskKind.GROUND, target_ids=(0,)) for k in "abc"]
    nan, inf = ([[[value] * 3] * 8] for value in (float("nan"), float("inf")))
    content = (
        line("a", corners=nan)
        + line("b", corners=inf)
        + line("c", mask_rle=[{"size": 4, "runs": "4"}])
    )
    assert "NaN" in content
    queries = [replace(q, benchmark="scanrefer", extra={"object_name": "chair"}) for q in queries]
    result = score(path, queries, content)
    assert result.scores["acc@0.25"] == result.scores["mask_iou"] == (0, 0, 0)
    assert result.remarks["boxes"].startswith("2 are not finite")


def test_two_protocols_do_not_share_a_column(path: Path) -> None:
    queries = [query(k, references=("left",)) for k in "ab"]
    content = line("a") + line("b")
    strict, official = (score(path, queries, content, name) for name in ("strict", "official"))
    require_one_protocol([strict, strict])
    message = r"scanqa: wanted results of one protocol, found 'strict' version 1 .approximate"
    with pytest.raises(DataError, match=message):
        require_one_protocol([strict, official])
    with pytest.raises(DataError, match=message):
        paired_difference(strict, official, "em")


def test_no_numbers_and_no_points_where_several_or_no_targets_are_wanted(path: Path) -> None:
    nan = [[[float("nan")] * 3] * 8]
    empty = [{"size": 4, "runs": "4"}]
    queries = [
        replace(query(k, TaskKind.GROUND, target_ids=ids), benchmark="multi3drefer")
        for k, ids in (("a", (0,)), ("b", ()), ("c", (0,)), ("d", ()))
    ]
    content = (
        line("a", corners=nan)
        + line("b", corners=nan)
        + line("c", mask_rle=empty)
        + line("d", mask_rle=empty)
    )
    result = score(path, queries, content)
    # A box that is none is still one too many where nothing is to be found.
    assert result.scores["f1@0.5"] == (0, 0, 0, 1)
    assert result.scores["mask_iou"] == (0, 1, 0, 1)
    assert result.scores["f1_cc@0.5"] == (0, 1, 0, 1)


def test_captions_of_boxes_and_masks_that_are_none(path: Path) -> None:
    nan = [[[float("nan")] * 3] * 8]
    queries = [
        replace(
            query(k, TaskKind.CAPTION, target_ids=(0,), references=("a chair",)),
            benchmark="scan2cap",
            text="",
        )
        for k in "ab"
    ]
    content = line("a", "a chair", corners=nan) + line(
        "b", "a chair", mask_rle=[{"size": 4, "runs": "4"}]
    )
    assert score(path, queries, content).scores["hit@0.25"] == (0, 0)
    assert score(path, queries, content, "official").scores["rouge_l_recall@0.25"] == (0, 0)
