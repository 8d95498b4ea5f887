from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scoring_toys import answer, query, scene, score

from posealign_core.evaluation.protocols.selection import passes_official_filters
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from posealign_core.structures import Query


def utterance(key: str, target: int, **extra: str) -> Query:
    return query("nr3d", key, TaskKind.SELECT, target_ids=(target,), extra=extra)


QUERIES = [
    utterance("a", 3, mentions_target_class="true", n_tokens="24", distractor_ids="[7]"),
    utterance("b", 3, mentions_target_class="false", n_tokens="5", distractor_ids="[7]"),
    utterance("c", 3, mentions_target_class="true", n_tokens="25", distractor_ids="[7]"),
    utterance("d", 0, mentions_target_class="true", n_tokens="5", distractor_ids="[]"),
    utterance("e", 0),
]


def test_accuracy_by_protocol() -> None:
    given = [answer("a", object_ids=(3,)), answer("b", object_ids=(7, 3)), answer("d")]
    accuracy = {
        protocol: score(QUERIES, given, protocol).scores["accuracy"]
        for protocol in ("strict", "official", "chat-scene")
    }
    assert accuracy == {
        "strict": (1, 0, 0, 0, 0),
        "official": (1, None, None, None, 0),  # three are filtered out
        "chat-scene": (1, 0, None, 1, None),  # no choice means object 0
    }
    official = score(QUERIES, given, "official")
    assert official.estimate("accuracy").n == 2
    assert official.remarks["accuracy"] == "3 utterances are filtered out"


def test_official_filters() -> None:
    kept = [passes_official_filters(q, scene("s0")) for q in QUERIES]
    assert kept == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("group", "keys"),
    [
        ("easy", ("a", "d")),
        ("hard", ("c",)),
        ("view_dependent", ("a",)),
        ("view_independent", ("c",)),
    ],
)
def test_groups(group: str, keys: tuple[str, ...]) -> None:
    queries = [
        utterance("a", 3, distractor_ids="[7]", view_dependent="true"),
        utterance("c", 3, distractor_ids="[7, 8]", view_dependent="false"),
        utterance("d", 3, distractor_ids="[]"),
    ]
    assert score(queries, [], "strict").subsets[group] == keys
