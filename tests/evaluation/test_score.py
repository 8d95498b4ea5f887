from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation import (
    BenchmarkResult,
    load_result,
    paired_difference,
    save_result,
    score_predictions,
)
from posealign_core.evaluation.metrics import TextTools
from posealign_core.evaluation.score import queries_digest
from posealign_core.evaluation.subsets import direction_subsets
from posealign_core.geometry import Frame, Intrinsics, RigidTransform, corners_from_aabb
from posealign_core.structures import EgoPose, ObjectTable, Prediction, Query, Scene
from posealign_core.vocabulary import PoseSource, TaskKind

if TYPE_CHECKING:
    from pathlib import Path

CHAIR, TABLE = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0), (5.0, 0.0, 0.0, 1.0, 2.0, 1.0)


def query(key: str, kind: TaskKind = TaskKind.ANSWER, scene: str = "s0", **fields: Any) -> Query:
    return Query(
        query_id=key, benchmark="toy", split="val", scene_id=scene, kind=kind, text="?", **fields
    )


def answer(key: str, text: str = "", **fields: Any) -> Prediction:
    return Prediction(query_id=key, benchmark="toy", scene_id="s0", text=text, **fields)


def scene(scene_id: str) -> Scene:
    """Axis-aligned boxes of a chair and a table, in a world that is turned by 30 degrees."""
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    matrix = np.array([[c, -s, 0, 2.0], [s, c, 0, 1.0], [0, 0, 1, 0], [0, 0, 0, 1]])
    aligned_from_world = RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD)
    corners = aligned_from_world.inverse().apply(corners_from_aabb([CHAIR, TABLE]))
    return Scene(
        scene_id=scene_id,
        frame=Frame.WORLD,
        points=np.zeros((0, 3)),
        objects=ObjectTable(
            object_ids=np.array([3, 7]),
            labels=("chair", "table"),
            centers=corners.mean(axis=1),
            corners=corners,
        ),
        aligned_from_world=aligned_from_world,
    )


def no_scene(scene_id: str) -> Scene:
    raise AssertionError(scene_id)


def in_world(*boxes: Any) -> np.ndarray:
    world_from_aligned = scene("s").aligned_from_world.inverse()
    return world_from_aligned.apply(corners_from_aabb(boxes))


def test_answers_given_missing_and_empty() -> None:
    queries = [query(k, references=("left",), scene=f"s{k}") for k in "abcd"]
    given = [answer("c", "on the left"), answer("a", "Left."), answer("d", "")]
    result = score_predictions(queries, given, no_scene)
    assert result.keys == ("a", "b", "c", "d")
    assert result.scores == {
        "em": (1, 0, 0, 0),
        "em_r": (1, 0, 1, 1),  # an empty answer passes the published test, a missing one does not
        "em_r_guarded": (1, 0, 1, 0),
    }
    assert (result.n_predicted, result.n_missing) == (3, 1)
    found = result.estimate("em")
    assert (found.mean, found.n, found.n_scenes) == (0.25, 4, 4)


def test_selection() -> None:
    queries = [query(k, TaskKind.SELECT, target_ids=(3,), candidates=(3, 7)) for k in "abc"]
    given = [answer("a", object_ids=(3, 7)), answer("b", object_ids=(7,))]
    assert score_predictions(queries, given, no_scene).scores == {"accuracy": (1, 0, 0)}


def test_grounding_of_one_object_by_box_or_by_name() -> None:
    queries = [query(k, TaskKind.GROUND, target_ids=(3,)) for k in "abcde"]
    shifted = (0.5, 0.0, 0.0, 1.0, 1.0, 1.0)
    given = [
        answer("a", corners=in_world(CHAIR)),
        answer("b", corners=in_world(shifted)),
        answer("c", corners=in_world(TABLE, CHAIR), confidences=(0.1, 0.9)),
        answer("d", object_ids=(7,)),
    ]
    scores = score_predictions(queries, given, scene).scores
    assert scores["iou"] == pytest.approx((1, 1 / 3, 1, 0, 0), abs=1e-6)
    assert scores["acc@0.25"] == (1, 1, 1, 0, 0)
    assert scores["acc@0.5"] == (1, 0, 1, 0, 0)
    assert scores["f1@0.5"] == pytest.approx((1, 0, 2 / 3, 0, 0))


def test_grounding_of_none_and_many_has_f1_only() -> None:
    targets = {"a": (), "b": (3, 7), "c": ()}
    queries = [query(k, TaskKind.GROUND, target_ids=t) for k, t in targets.items()]
    given = [answer("a"), answer("b", object_ids=(7, 3))]
    result = score_predictions(queries, given, scene)
    # Nothing to find and nothing found is right, unless the question was not answered.
    assert result.scores == {"f1@0.25": (1, 1, 0), "f1@0.5": (1, 1, 0)}


def test_captions_have_no_metric_here() -> None:
    result = score_predictions([query("a", TaskKind.CAPTION)], [answer("a", "a chair")], no_scene)
    assert result.scores == {}
    assert result.n_predicted == 1


@pytest.mark.parametrize(
    ("queries", "given", "message"),
    [
        ([query("a")], [answer("a"), answer("a")], "'a' is answered twice"),
        ([query("a")], [answer("z")], "'z', which is no query"),
        ([], [], "one benchmark"),
        ([query("a"), query("b", TaskKind.SELECT)], [], "one benchmark"),
        ([query("a", TaskKind.GROUND, target_ids=(4,))], [], r"no objects \[4\]"),
    ],
)
def test_what_cannot_be_scored(queries: list[Query], given: list[Prediction], message: str) -> None:
    with pytest.raises(DataError, match=message):
        score_predictions(queries, given, scene)


def test_grounding_wants_boxes() -> None:
    def without_boxes(scene_id: str) -> Scene:
        return Scene(scene_id=scene_id, frame=Frame.WORLD, points=np.zeros((0, 3)))

    with pytest.raises(DataError, match="wanted boxes"):
        score_predictions([query("a", TaskKind.GROUND, target_ids=(3,))], [], without_boxes)


def flagged(n: int = 6) -> list[Query]:
    flags = ("true", "false", "true")
    return [
        query(
            str(i), references=("left",), scene=f"s{i}", extra={"direction_critical": flags[i % 3]}
        )
        for i in range(n)
    ]


def test_subsets_by_direction() -> None:
    assert direction_subsets(flagged()) == {
        "all": ("0", "1", "2", "3", "4", "5"),
        "direction_critical": ("0", "2", "3", "5"),
        "other": ("1", "4"),
    }
    # Where no question is flagged, words decide.
    assert direction_subsets([query("a"), query("b", references=("on the left",))]) == {
        "all": ("a", "b"),
        "direction_critical": ("b",),
        "other": ("a",),
    }


def test_subsets_have_their_own_averages() -> None:
    given = [answer(str(i), "left" if i in (1, 4, 5) else "right") for i in range(6)]
    result = score_predictions(flagged(), given, no_scene)
    means = {s: result.estimate("em", s).mean for s in ("all", "direction_critical", "other")}
    assert means == {"all": 0.5, "direction_critical": 0.25, "other": 1.0}
    with pytest.raises(DataError, match="found the metrics em, em_r, em_r_guarded"):
        result.estimate("accuracy")
    with pytest.raises(DataError, match="subsets all"):
        result.estimate("em", "left")


def test_two_runs_are_compared_on_the_same_questions() -> None:
    good = score_predictions(flagged(), [answer(str(i), "left") for i in range(6)], no_scene)
    bad = score_predictions(flagged(), [answer("1", "left")], no_scene)
    found = paired_difference(good, bad, "em", "direction_critical")
    assert found.difference.mean == 1.0
    assert (found.n_better, found.n_worse, found.p_value) == (4, 0, 0.125)
    assert paired_difference(good, bad, "em").difference.mean == pytest.approx(5 / 6)
    fewer = score_predictions(flagged(3), [], no_scene)
    with pytest.raises(DataError, match="same questions in all runs, found 6 and 3, 3 of them"):
        paired_difference(good, fewer, "em")


def test_poses_are_counted() -> None:
    def pose(source: PoseSource, reason: str = "") -> EgoPose:
        return EgoPose(
            reference_from_camera=RigidTransform.identity(Frame.WORLD, Frame.CAMERA),
            intrinsics=Intrinsics(1, 1, 1, 1, 2, 2),
            source=source,
            fallback_reason=reason,
        )

    given = [
        answer("0", pose=pose(PoseSource.RECOVERED)),
        answer("1", pose=pose(PoseSource.FALLBACK, "no target")),
        answer("2"),
    ]
    result = score_predictions(flagged(), given, no_scene)
    assert result.pose_counts == {"fallback": 1, "none": 1, "recovered": 1}
    assert result.fallback_reasons == {"no target": 1}


def test_results_survive_the_disk(tmp_path: Path) -> None:
    result = score_predictions(flagged(), [answer("1", "left")], no_scene)
    path = tmp_path / "results" / "toy.json"
    save_result(path, result)
    assert load_result(path) == result


def scored_texts(*answers: str | None) -> BenchmarkResult:
    queries = [
        replace(query(k, references=("left", "the wall"), scene=f"s{k}"), benchmark="scanqa")
        for k in "abc"
    ]
    given = [answer(k, t) for k, t in zip("abc", answers, strict=True) if t is not None]
    return score_predictions(
        queries, given, no_scene, protocol="chat-scene", tools=TextTools(java=False)
    )


def test_corpus_metrics_and_dropped_questions_survive_the_disk(tmp_path: Path) -> None:
    result = scored_texts("left", None, "the big wall")
    save_result(tmp_path / "r.json", result)
    again = load_result(tmp_path / "r.json")
    assert again == result
    assert again.scores["em"] == (1, None, 0)
    assert again.packages["numpy"] == np.__version__
    assert len(again.queries_digest) == 64
    saved = json.loads((tmp_path / "r.json").read_text())["estimates"]["all"]
    assert saved["em"] == {"mean": 0.5, "low": 0, "high": 1, "n": 2, "n_scenes": 2}
    # One of one word, and one of two: the article is dropped.
    assert saved["bleu_1"]["mean"] == pytest.approx(2 / 3)


def test_corpus_metrics_of_two_runs_are_compared_as_such() -> None:
    run, baseline = scored_texts("left", "x", "left"), scored_texts("left", "x y", None)
    found = paired_difference(run, baseline, "bleu_1")
    # On the two questions that both answered: 1 of 2 words against 1 of 3.
    assert found.difference.mean == pytest.approx(1 / 2 - 1 / 3)
    assert found.difference.n == 2
    assert paired_difference(run, baseline, "em").difference.mean == 0


def test_annotations_have_a_digest() -> None:
    queries = [query("a", references=("x",)), query("b")]
    assert queries_digest(queries) == queries_digest(list(queries))
    assert queries_digest(queries) != queries_digest(queries[:1])
    assert queries_digest(queries) != queries_digest([query("a", references=("y",)), query("b")])


@pytest.mark.parametrize("content", ["", "[]", '{"keys": []}', '{"estimates": {}}'])
def test_damaged_results_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "toy.json"
    path.write_text(content)
    with pytest.raises(DataError, match="score again"):
        load_result(path)


def test_results_of_another_schema_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.json"
    save_result(path, score_predictions(flagged(), [], no_scene))
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(DataError, match="schema version 1, found 2"):
        load_result(path)


def test_what_the_model_did_without_is_remarked() -> None:
    queries = [query(key, references=("yes",)) for key in ("a", "b", "c")]
    lacking = {"2-D features of objects": 3, "3-D features of objects": 0}
    answers = [answer("a", "yes", missing_inputs=lacking), answer("b", missing_inputs=lacking)]
    remarks = score_predictions(queries, answers, scene).remarks
    assert remarks["missing inputs"] == "6 2-D features of objects (all 2 answers together)"
    assert "missing inputs" not in score_predictions(queries, [answer("a")], scene).remarks
