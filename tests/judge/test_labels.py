"""Direction-critical labels of all six sets: by words, by a judge, and how far both agree."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from posealign_core.benchmarks.multi3drefer import Multi3DRefer
from posealign_core.benchmarks.referit3d import Nr3D
from posealign_core.benchmarks.scan2cap import Scan2Cap
from posealign_core.benchmarks.scanqa import ScanQA
from posealign_core.benchmarks.scanrefer import ScanRefer
from posealign_core.benchmarks.sqa3d import SQA3D
from posealign_core.cli.main import main
from posealign_core.errors import DataError
from posealign_core.evaluation.subsets import direction_subsets, split_by_rule
from posealign_core.judge.build import make_requests
from posealign_core.judge.labels import (
    label_agreement,
    labels_of_verdicts,
    read_labels,
    write_labels,
)
from posealign_core.judge.lexical import LexicalJudge
from posealign_core.judge.rubric import load_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import JudgeSettings

from .scripted import ScriptedJudge, says_correct

if TYPE_CHECKING:
    from pathlib import Path

SIDED, PLAIN = "the lamp left of the bed", "the red lamp"
SCENE = "scene0011_00"
SETS = {
    "scanqa": ScanQA,
    "sqa3d": SQA3D,
    "scanrefer": ScanRefer,
    "multi3drefer": Multi3DRefer,
    "nr3d": Nr3D,
    "scan2cap": Scan2Cap,
}


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """Of each of the six sets one item that needs a direction, and one that does not."""
    both = list(enumerate((SIDED, PLAIN)))

    def write(name: str, content: object) -> None:
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")

    described = [
        {
            "scene_id": SCENE,
            "object_id": str(i),
            "object_name": "lamp",
            "ann_id": "0",
            "description": text,
            "token": text.split(),
        }
        for i, text in both
    ]
    write("ScanRefer_filtered_val.json", described)
    flags = dict.fromkeys(("spatial", "color", "texture", "shape"), False)
    write(
        "multi3drefer_val.json",
        [
            {**entry, **flags, "ann_id": i, "object_ids": [i], "eval_type": "st_w_d"}
            for i, entry in enumerate(described)
        ],
    )
    write(
        "ScanQA_v1.0_val.json",
        [
            {
                "scene_id": SCENE,
                "object_ids": [i],
                "object_names": ["lamp"],
                "question_id": f"val-{i}",
                "question": f"What color is {text}?",
                "answers": ["red"],
            }
            for i, text in both
        ],
    )
    asked = [
        {
            "scene_id": SCENE,
            "situation": "I sit on the bed.",
            "alternative_situation": [],
            "question": f"Is {text} on?",
            "question_id": i,
        }
        for i, text in both
    ]
    write("v1_balanced_questions_val_scannetv2.json", {"questions": asked})
    answers = [
        {
            "scene_id": SCENE,
            "question_type": "N/A",
            "answer_type": "other",
            "question_id": i,
            "answers": [{"answer": "yes", "answer_confidence": "yes", "answer_id": 1}],
            "rotation": {"_x": 0.0, "_y": 0.0, "_z": 0.0, "_w": 1.0},
            "position": {"x": 0.0, "y": 0.0, "z": 0.0},
        }
        for i, _ in both
    ]
    write("v1_balanced_sqa_annotations_val_scannetv2.json", {"annotations": answers})
    with (tmp_path / "nr3d.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [
            {
                "assignmentid": str(i),
                "stimulus_id": f"{SCENE}-lamp-2-{i}-{1 - i}",
                "utterance": text,
                "correct_guess": "True",
                "scan_id": SCENE,
                "instance_type": "lamp",
                "target_id": str(i),
                "mentions_target_class": "True",
                "tokens": str(text.split()),
                "dataset": "nr3d",
            }
            for i, text in both
        ]
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    (tmp_path / "scannetv2_val.txt").write_text(f"{SCENE}\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", SETS)
def test_both_labellers_and_their_complements(annotations: Path, tmp_path: Path, name: str) -> None:
    queries = SETS[name](annotations).queries("val")
    first, second = (query.query_id for query in queries)
    assert split_by_rule(queries, "r3d_words") == ((first,), (second,))
    by_words = {query.query_id: query.query_id == first for query in queries}

    requests, rubric = make_requests(queries, None), load_rubric("direction")
    assert rubric.items_shown(requests) == []
    outcome = judge_requests(
        requests, LexicalJudge(), rubric, JudgeSettings(), tmp_path / "lexical.jsonl"
    )
    found = labels_of_verdicts(outcome.verdicts)
    assert found == by_words
    assert label_agreement(found, by_words).kappa == 1.0

    # A judge that sees a direction everywhere agrees on half, and no better than chance.
    eager = ScriptedJudge(says_correct)
    outcome = judge_requests(requests, eager, rubric, JudgeSettings(), tmp_path / "eager.jsonl")
    labels = labels_of_verdicts(outcome.verdicts)
    compared = label_agreement(labels, by_words)
    assert (compared.observed, compared.kappa) == (0.5, 0.0)

    write_labels(tmp_path / "L.jsonl", found, benchmark=name, split="val", rule="llm")
    subsets = direction_subsets(queries, read_labels(tmp_path / "L.jsonl"))
    assert subsets == {"all": (first, second), "direction_critical": (first,), "other": (second,)}
    assert direction_subsets(queries, labels) == {
        "all": (first, second),
        "direction_critical": (first, second),
    }


@pytest.mark.parametrize("name", SETS)
def test_the_command_labels_each_set(
    annotations: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    out = annotations / "labels.jsonl"
    arguments = ["judge", "label", "--benchmark", name, "--root", str(annotations)]
    code = main([*arguments, "--rule", "llm", "--against", "five_words", "--out", str(out)])
    shown = capsys.readouterr().out
    assert code == 0
    assert "1 of 2 need a direction (llm), 1 do not" in shown
    assert "agreement with five_words: 1.000, kappa 1.000" in shown
    assert list(read_labels(out).values()) == [True, False]


def test_undecided_items_are_in_neither_part_and_unlabelled_ones_refused(annotations: Path) -> None:
    queries = ScanQA(annotations).queries("val")
    labels = {"val-0": None, "val-1": False}
    assert direction_subsets(queries, labels) == {"all": ("val-0", "val-1"), "other": ("val-1",)}
    with pytest.raises(DataError, match="found none for 1, first 'val-1'"):
        direction_subsets(queries, {"val-0": True})
