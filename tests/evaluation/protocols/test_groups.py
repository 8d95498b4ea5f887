from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scoring_toys import answer, query, score

from posealign_core.errors import DataError
from posealign_core.evaluation.protocols.groups import read_label_map, unique_and_multiple
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.structures import Query

CLASSES = {"chair": "chair", "office chair": "chair", "trash can": "otherprop", "lamp": "lamp"}


def description(key: str, target: int, name: str, scene: str = "s0") -> Query:
    return query(
        "scanrefer",
        key,
        TaskKind.GROUND,
        scene,
        target_ids=(target,),
        extra={"object_name": name},
    )


def test_unique_objects_are_the_only_described_ones_of_their_class() -> None:
    queries = [
        description("a", 1, "chair"),
        description("b", 1, "chair"),  # the same chair again
        description("c", 2, "trash_can"),
        description("d", 3, "lamp"),  # other classes are one class
        description("e", 1, "chair", "s1"),
        description("f", 2, "office_chair", "s1"),
        description("g", 5, "unheard_of", "s1"),
    ]
    assert unique_and_multiple(queries, CLASSES) == {
        "multiple": ("c", "d", "e", "f"),
        "unique": ("a", "b", "g"),
        "in_others": ("c", "d", "g"),
        "not_in_others": ("a", "b", "e", "f"),
    }


def test_unique_and_multiple_want_the_label_map() -> None:
    queries = [description("a", 3, "chair"), description("b", 7, "chair")]
    result = score(queries, [], "strict")
    assert "unique" not in result.subsets
    assert "scannetv2-labels" in result.remarks["unique, multiple"]
    result = score(queries, [answer("a", object_ids=(3,))], "strict", class_of=CLASSES)
    assert result.estimate("acc@0.5", "multiple").mean == 0.5


def test_label_map(tmp_path: Path) -> None:
    path = tmp_path / "scannetv2-labels.combined.tsv"
    path.write_text("id\traw_category\tnyu40class\n1\toffice chair\tchair\n")
    assert read_label_map(path) == {"office chair": "chair"}
    path.write_text("id\tname\n1\tchair\n")
    with pytest.raises(DataError, match="wanted the columns"):
        read_label_map(path)


@pytest.mark.parametrize(
    ("benchmark", "kind", "field", "prefix"),
    [
        ("multi3drefer", TaskKind.GROUND, "eval_type", ""),
        ("scanqa", TaskKind.ANSWER, "question_type", "type:"),
        ("sqa3d", TaskKind.ANSWER, "question_type", "type:"),
    ],
)
def test_groups_that_the_annotations_name(
    benchmark: str, kind: TaskKind, field: str, prefix: str
) -> None:
    queries = [
        query(benchmark, str(i), kind, references=("x",), extra={field: name})
        for i, name in enumerate(("what", "is", "what"))
    ]
    subsets = score(queries, [answer(str(i), "x") for i in range(3)], "strict").subsets
    assert (subsets[f"{prefix}what"], subsets[f"{prefix}is"]) == (("0", "2"), ("1",))


def test_a_question_type_called_other_leaves_the_direction_free_questions_alone() -> None:
    extra = [
        {"question_type": "other", "direction_critical": "true"},
        {"question_type": "color", "direction_critical": "false"},
    ]
    queries = [
        query("scanqa", str(i), TaskKind.ANSWER, references=("x",), extra=e)
        for i, e in enumerate(extra)
    ]
    subsets = score(queries, [answer(str(i), "x") for i in range(2)], "strict").subsets
    assert subsets["direction_critical"] == ("0",)
    assert subsets["other"] == ("1",)
