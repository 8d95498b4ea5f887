from __future__ import annotations

from typing import Any

import pytest

from posealign_core.errors import ConfigError
from posealign_core.evaluation.subsets import (
    direction_rule,
    direction_subsets,
    split_by_rule,
)
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind


def query(key: str, text: str, **fields: Any) -> Query:
    return Query(
        query_id=key,
        benchmark="toy",
        split="val",
        scene_id="s",
        kind=TaskKind.ANSWER,
        text=text,
        **fields,
    )


QUERIES = [
    query("left", "What is LEFT of it?"),
    query("answer", "Where is it?", references=("it", "right of the bed")),
    query("situation", "What do I see?", situation="I am facing the door."),
    query("bright", "Is it bright?"),
    query("against", "Is it against the wall?"),
    query("behind", "What is behind it?"),
    query("leftmost", "Is the leftmost red?"),
    query("none", "What color is it?", references=("red",)),
    query("caption", "", references=("to the left", "a chair")),
]


@pytest.mark.parametrize(
    ("rule", "critical"),
    [
        ("r3d_words", "left answer situation behind leftmost caption"),
        ("r3d_words_question", "left situation behind leftmost caption"),
        ("lr_substring", "left bright leftmost caption"),
        ("lr_words", "left answer caption"),
        ("lr_plus_words", "left answer leftmost caption"),
        ("five_words", "left answer against caption"),
        ("five_plus_words", "left answer against behind caption"),
    ],
)
def test_word_rules(rule: str, critical: str) -> None:
    found, others = split_by_rule(QUERIES, rule)
    assert list(found) == critical.split()
    assert {*found, *others} == {q.query_id for q in QUERIES}
    assert len(found) + len(others) == len(QUERIES)


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ConfigError, match="wanted one of r3d_words"):
        split_by_rule(QUERIES, "llm")


def test_what_the_data_set_says_goes_before_words() -> None:
    queries = [
        query("a", "left?", extra={"direction_critical": "false"}),
        query("b", "color?", extra={"direction_critical": "true"}),
        query("c", "left?"),
    ]
    assert direction_rule(queries) == "annotated"
    assert direction_subsets(queries) == {
        "all": ("a", "b", "c"),
        "direction_critical": ("b",),
        "other": ("a",),
    }
    assert direction_rule(queries[2:]) == "r3d_words"
    assert direction_subsets(queries[2:])["direction_critical"] == ("c",)
