from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scoring_toys import answer, query, score

from posealign_core.errors import DataError
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from posealign_core.structures import Query


def ask(benchmark: str, *references: tuple[str, ...]) -> list[Query]:
    return [
        query(benchmark, str(i), TaskKind.ANSWER, f"s{i}", references=r)
        for i, r in enumerate(references)
    ]


TWO = ("2", "two chairs")
SCANQA = ask("scanqa", TWO, ("TV.",), ("left",), ("the brown chair",))
ANSWERS = ["2", "a tv", "", "chair"]


@pytest.mark.parametrize(
    ("protocol", "em", "em_r"),
    [
        # Both sides normalised: "2" is "two"; an empty answer is part of everything.
        ("strict", (1, 1, 0, 0), (1, 1, 1, 1)),
        ("3d-llava", (1, 1, 0, 0), (1, 1, 1, 1)),
        # References stay raw: "two" is not "2", but part of "two chairs"; "TV" is part of "TV.".
        ("chat-scene", (0, 0, 0, 0), (1, 1, 0, 1)),
        ("official", (1, 0, 0, 0), None),
        ("ll3da", None, None),
    ],
)
def test_matches_of_scanqa(
    protocol: str, em: tuple[int, ...] | None, em_r: tuple[int, ...] | None
) -> None:
    given = [answer(str(i), text) for i, text in enumerate(ANSWERS)]
    result = score(SCANQA, given, protocol)
    assert (result.scores.get("em"), result.scores.get("em_r")) == (em, em_r)
    assert (result.protocol, result.protocol_version) == (protocol, 1)
    assert {"bleu_1", "bleu_4", "rouge_l", "cider"} <= result.scores.keys()


def test_chat_scene_strips_one_dot_and_lowers_one_letter() -> None:
    result = score(ask("scanqa", ("chair",)), [answer("0", "Chair.")], "chat-scene")
    assert result.scores["em"] == (1,)


def test_texts_of_scanqa_by_protocol() -> None:
    queries = ask("scanqa", ("The Chair",), ("2",))
    given = [answer("0", "the  chair"), answer("1", "two")]

    def words(protocol: str) -> list[float | None]:
        return [round(value or 0, 6) for value in score(queries, given, protocol).scores["bleu_1"]]

    assert words("strict") == [1, 1]
    assert words("official") == [1, 0]  # tokens are lower-case, numbers stay
    assert words("ll3da") == [0, 0]  # "The" is not "the"
    assert words("chat-scene") == [round(2.718281828**-1, 6), 0]  # "chair" for "the chair"


def test_bleu_is_of_the_corpus_except_in_ll3da() -> None:
    queries = ask("scanqa", ("a b c d",), ("e",))
    given = [answer("0", "a b c d"), answer("1", "x x x x")]
    official = score(queries, given, "official").estimate("bleu_1")
    assert official.mean == pytest.approx(4 / 8)
    assert score(queries, given, "ll3da").estimate("bleu_4").mean == pytest.approx(0.5, abs=1e-3)
    assert score(queries, given, "official").estimate("bleu_2").mean == pytest.approx(
        (4 / 8 * 3 / 6) ** 0.5
    )


def test_missing_answers() -> None:
    given = [answer("0", "2"), answer("1", "tv")]
    strict = score(SCANQA, given, "strict")
    assert (strict.n_missing, strict.scores["em"]) == (2, (1, 1, 0, 0))
    assert strict.scores["em_r"] == (1, 1, 0, 0)
    dropped = score(SCANQA, given, "chat-scene")
    assert dropped.scores["em_r"] == (1, 1, None, None)
    found = dropped.estimate("em_r")
    assert (found.mean, found.n) == (1, 2)
    # A dropped question leaves the corpus, and with it the counts that CIDEr goes by.
    assert dropped.estimate("bleu_1").n == 2
    for protocol in ("official", "3d-llava"):
        with pytest.raises(DataError, match="wants an answer to every query, found none to 2"):
            score(SCANQA, given, protocol)


def test_no_answer_at_all() -> None:
    assert score(SCANQA, [], "strict").estimate("em").mean == 0
    dropped = score(SCANQA, [], "chat-scene")
    assert dropped.estimate("bleu_4").mean is None
    assert dropped.n_missing == 4


def test_duplicate_and_unknown_answers() -> None:
    given = [answer("0", "3"), answer("9", "?"), answer("0", "two chairs")]
    result = score(SCANQA, given, "chat-scene")
    assert (result.n_duplicate, result.n_unknown, result.n_predicted) == (1, 1, 1)
    assert result.scores["em"][0] == 1
    with pytest.raises(DataError, match="which is no query"):
        score(SCANQA, given, "strict")
    with pytest.raises(DataError, match="answered twice"):
        score(SCANQA, [answer("0", "3"), answer("0", "2")], "strict")


SQA3D = ask("sqa3d", ("left",), ("None",), ("yes",))


@pytest.mark.parametrize(
    ("protocol", "em", "loose"),
    [
        ("strict", (0, 1, 0), None),
        ("official", (0, 0, 0), (1, 0, 1)),  # a shared word; "zero" is not "None"; "" is in "yes"
        ("3d-llava", (0, 1, 0), None),
        ("chat-scene", (0, 1, 0), None),
    ],
)
def test_matches_of_sqa3d(
    protocol: str, em: tuple[int, ...], loose: tuple[int, ...] | None
) -> None:
    given = [answer("0", "on the left"), answer("1", "0"), answer("2", "")]
    result = score(SQA3D, given, protocol)
    assert (result.scores["em"], result.scores.get("em_loose")) == (em, loose)
    # Only Chat-Scene has n-gram metrics here.
    assert ("cider" in result.scores) == (protocol == "chat-scene")


def test_3d_llava_reads_the_first_reference_of_sqa3d() -> None:
    queries = ask("sqa3d", ("left", "right"))
    given = [answer("0", "right")]
    assert score(queries, given, "3d-llava").scores["em"] == (0,)
    assert score(queries, given, "strict").scores["em"] == (1,)


def test_a_constant_letter_games_the_published_match_alone() -> None:
    queries = ask("sqa3d", ("left",), ("one",), ("two",))
    result = score(queries, [answer(str(i), "e") for i in range(3)], "strict")
    means = {m: result.estimate(m).mean for m in ("em", "em_r", "em_r_guarded")}
    assert means == {"em": 0, "em_r": pytest.approx(2 / 3), "em_r_guarded": 0}


def test_questions_without_references_cannot_be_scored_as_texts() -> None:
    with pytest.raises(DataError, match="wanted references"):
        score(ask("scanqa", ()), [answer("0", "x")], "strict")


def test_ten_best_answers_of_scanqa() -> None:
    queries = ask("scanqa", ("left",), ("left",), ("left",), ("left",))
    given = [
        answer("0", "left"),
        answer("1", "right", alternatives=("behind", "left")),
        answer("2", "right", alternatives=("Left", *["x"] * 8, "left")),  # the eleventh
        answer("3", "right", alternatives=("x",) * 8 + ("left",)),  # the tenth
    ]
    result = score(queries, given, "official")
    assert result.scores["em"] == (1, 0, 0, 0)
    assert result.scores["em_10"] == (1, 1, 0, 1)
    assert "em_10" not in score(queries, [answer(q.query_id) for q in queries], "official").scores
    assert "em_10" not in score(queries, given, "strict").scores


def test_video3dllm_matches_exactly() -> None:
    queries = ask("scanqa", ("left",), ("Left.",), ("2",))
    given = [answer("0", "left."), answer("1", "Left."), answer("2", "two")]
    assert score(queries, given, "video3dllm").scores == {"em": (1, 0, 0)}
    queries = ask("sqa3d", ("left",), ("2",), ("yes",))
    given = [answer("0", "The left."), answer("1", "two"), answer("2", "")]
    assert score(queries, given, "video3dllm").scores == {"em": (1, 1, 0)}
