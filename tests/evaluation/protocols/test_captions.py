from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from scoring_toys import (
    CHAIR,
    DOOR,
    NEAR_CHAIR,
    TABLE,
    answer,
    in_world,
    mask,
    query,
    scene,
    score,
)

from posealign_core.evaluation.protocols.captions import caption_overlap
from posealign_core.structures import Query, Region
from posealign_core.vocabulary import TaskKind

CAPTIONS = {0: ("a brown chair", "a chair"), 3: ("a table near the door",), 7: ("the door",)}


def describe(*objects: int, region: Any = None) -> list[Query]:
    return [
        query(
            "scan2cap",
            f"s0|{i}",
            TaskKind.CAPTION,
            text="",
            target_ids=(i,),
            references=CAPTIONS[i],
            region=region or Region(object_id=i),
        )
        for i in objects
    ]


def test_what_was_described() -> None:
    given, elsewhere = describe(0)[0], describe(0, region=Region(corners=in_world(NEAR_CHAIR)[0]))
    s0 = scene("s0")
    assert caption_overlap(s0, given, answer("x", "a chair")) == 1
    assert caption_overlap(s0, elsewhere[0], answer("x")) == pytest.approx(1 / 3)
    boxed = answer("x", corners=in_world(NEAR_CHAIR, CHAIR))
    assert caption_overlap(s0, given, boxed) == pytest.approx(1 / 3)
    assert caption_overlap(s0, given, answer("x", masks=(mask(0, 1),))) == pytest.approx(1)
    assert caption_overlap(s0, given, answer("x", masks=(mask(),))) == 0


def test_captions_of_objects_that_were_not_found_read_nothing() -> None:
    """A caption at overlap 1/3 counts at 0.25 alone; the values of nothing are the spec's."""
    queries = describe(0, 3)
    given = [answer("s0|0", "a brown chair", corners=in_world(NEAR_CHAIR))]
    result = score(queries, given, "3d-llava")
    assert result.scores["rouge_l@0.25"] == pytest.approx((1, 0.40397), abs=5e-6)
    assert result.scores["rouge_l@0.5"] == pytest.approx((0.62887, 0.40397), abs=5e-6)
    assert result.scores["cider@0.5"] == (0, 0)
    assert (result.scores["cider@0.25"][0] or 0) > 1
    assert result.estimate("bleu_1@0.5").mean == pytest.approx(0.17377, abs=5e-6)
    chat_scene = score(queries, given, "chat-scene")
    assert chat_scene.scores == result.scores


def test_strict_shows_what_nothing_earns() -> None:
    queries = describe(0, 3)
    given = [answer("s0|0", "a brown chair", corners=in_world(NEAR_CHAIR))]
    scores = score(queries, given, "strict").scores
    assert (scores["hit@0.25"], scores["hit@0.5"]) == ((1, 0), (0, 0))
    assert scores["rouge_l_hit@0.25"] == (pytest.approx(1), None)
    assert scores["rouge_l_zero@0.25"] == pytest.approx((1, 0))
    assert scores["rouge_l_hit@0.5"] == (None, None)
    assert score(queries, given, "strict").estimate("rouge_l_hit@0.5").mean is None


def test_a_threshold_that_is_just_met() -> None:
    """Half a chair overlaps the chair by one half, but for the benchmarks' 1e-8."""
    half = (-0.25, 0.0, 0.0, 0.5, 1.0, 1.0)
    whole = score(describe(0, 3), [answer("s0|0", "x", corners=in_world(CHAIR))], "strict")
    assert whole.scores["hit@0.5"] == (1, 0)
    almost = score(describe(0, 3), [answer("s0|0", "x", corners=in_world(half))], "strict")
    assert almost.scores["hit@0.5"] == (0, 0)


def test_ll3da_keeps_punctuation_and_cuts_references() -> None:
    long = " ".join(["word"] * 40)
    queries = [
        query("scan2cap", key, TaskKind.CAPTION, text="", target_ids=(0,), references=(text,))
        for key, text in (("a", "A chair."), ("b", long))
    ]
    given = [answer("a", "a chair ."), answer("b", " ".join(["word"] * 30))]
    result = score(queries, given, "ll3da")
    assert result.scores["rouge_l@0.5"] == pytest.approx((1, 1))
    assert result.tokenizer == "blanks"
    assert "bleu@0.5" not in result.statistics


def test_detected_captions_have_precision_and_recall() -> None:
    """Two of three objects get the right caption, one of them with an overlap of a third."""
    queries = describe(0, 3, 7)
    given = [
        answer("s0|0", "a table near the door", corners=in_world(TABLE)),
        answer("s0|3", "a chair", corners=in_world(NEAR_CHAIR)),
    ]
    result = score(queries, given, "official")

    def mean(metric: str) -> float:
        return result.estimate(metric).mean or 0.0

    assert mean("rouge_l_recall@0.25") == pytest.approx(2 / 3)
    assert mean("rouge_l_precision@0.25") == pytest.approx(2 / 2)
    assert mean("rouge_l_f1@0.25") == pytest.approx(2 * 2 / 5)
    assert mean("rouge_l_recall@0.5") == pytest.approx(1 / 3)
    assert mean("rouge_l_precision@0.5") == pytest.approx(1 / 2)
    assert result.scores["rouge_l_recall@0.25"] == pytest.approx((1, 1, 0))


def test_captions_far_from_everything_count_as_predictions() -> None:
    far = (50.0, 50.0, 0.0, 1.0, 1.0, 1.0)
    given = [
        answer("s0|0", "a chair", corners=in_world(CHAIR)),
        answer("s0|3", "the door", corners=in_world(far)),
    ]
    result = score(describe(0, 3), given, "official")
    assert result.estimate("rouge_l_precision@0.25").mean == pytest.approx(1 / 2)
    # At 0 any assigned caption counts, however far.
    assert (result.scores["rouge_l_recall@0"][1] or 0) > 0
    assert result.scores["rouge_l_recall@0.25"][1] == 0


def test_nothing_detected_has_f1_zero() -> None:
    result = score(describe(0, 7), [], "official")
    assert result.estimate("cider_f1@0.5").mean == 0
    assert result.estimate("cider_precision@0.5").mean == 0


def test_a_perfect_detector() -> None:
    boxes = {0: CHAIR, 3: TABLE, 7: DOOR}
    given = [answer(f"s0|{i}", CAPTIONS[i][0], corners=in_world(box)) for i, box in boxes.items()]
    result = score(describe(0, 3, 7), given, "official")
    assert result.estimate("rouge_l_f1@0.5").mean == pytest.approx(1)
    assert result.estimate("bleu_4_f1@0.5").mean == pytest.approx(1, abs=1e-6)


def test_video3dllm_counts_full_stops_as_words() -> None:
    """References "A chair." twice; the second has no caption, so its "chair." stays one word."""
    queries = [replace(q, references=("A chair.",)) for q in describe(0, 3)]
    given = [answer("s0|0", "a chair.", corners=in_world(CHAIR))]
    found = score(queries, given, "video3dllm")
    # Against itself, five tokens of five; "sos eos" against "sos A chair. eos": precision 1,
    # recall 2 of 4, (1 + 1.44) / 2 / (1 / 2 + 1.44).
    assert found.scores["rouge_l@0.25"] == pytest.approx((1, 2.44 * 0.5 / (0.5 + 1.44)))
    # Seven tokens of seven match, against references of five and four: exp(1 - 9 / 7).
    assert found.estimate("bleu_1@0.25").mean == pytest.approx(math.exp(1 - 9 / 7))
    without_stop = [answer("s0|0", "a chair", corners=in_world(CHAIR))]
    # Four of five: what the punctuation is worth.
    recall = 4 / 5
    worth = 2.44 * recall / (recall + 1.44)
    assert score(queries, without_stop, "video3dllm").scores["rouge_l@0.25"][0] == pytest.approx(
        worth
    )
    assert score(queries, without_stop, "3d-llava").scores["rouge_l@0.25"][0] == pytest.approx(1)
