from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from learning_toy import (
    TRANSFORM,
    ToyBackbone,
    ToyConfig,
    ToyEncoder,
    camera,
    toy_pipeline,
    toy_queries,
)

from posealign_core.backbone import Batch, GenerationOptions, RawAnswer
from posealign_core.errors import BackboneError, DataError, PoseAlignWarning
from posealign_core.evaluation import (
    Evaluator,
    PredictOutcome,
    Shard,
    merge_parts,
    read_predictions,
    score_predictions,
)
from posealign_core.evaluation.batches import batches_by_length
from posealign_core.evaluation.parts import ALONE
from posealign_core.evaluation.records import read_records
from posealign_core.structures import AlignedSample, AlignSettings, Prediction, Query
from posealign_core.training import LoraTrainer, TrainSettings, load_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = GenerationOptions(max_new_tokens=2)
RECIPE = TrainSettings(
    learning_rate=1e-2, max_steps=40, batch_size=12, lora_rank=8, questions_per_sequence=2
)
RECOVERED = toy_queries(annotated=False)


def predict(
    folder: Path,
    queries: list[Query] = RECOVERED,
    *,
    backbone: ToyBackbone | None = None,
    output: str = "p.jsonl",
    shard: Shard = ALONE,
    seed: int = 0,
    run_id: str = "",
    **evaluator: Any,
) -> PredictOutcome:
    return Evaluator(**evaluator).predict(
        backbone or ToyBackbone(ToyConfig()),
        ToyEncoder(ToyConfig()),
        toy_pipeline(folder, RECOVERED, seed=seed),
        queries,
        OPTIONS,
        folder / output,
        run_id=run_id,
        shard=shard,
    )


class Counting(ToyBackbone):
    """Counts batches, and is interrupted in one of them."""

    def __init__(self, stop_at: int = -1) -> None:
        super().__init__(ToyConfig())
        self.n_batches = 0
        self.stop_at = stop_at

    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        self.n_batches += 1
        if self.n_batches == self.stop_at:
            raise KeyboardInterrupt
        return super().generate(batch, options)


@pytest.mark.parametrize(
    ("align", "wanted"), [(TRANSFORM, 1.0), (AlignSettings(), 0.5)], ids=["transform", "plain"]
)
def test_the_pose_decides_whether_left_and_right_can_be_learned(
    tmp_path: Path, align: AlignSettings, wanted: float
) -> None:
    """Each question is asked from two opposite sides: without pose, one of two must be wrong."""
    pipeline = toy_pipeline(tmp_path, settings=align)
    encoder = ToyEncoder(ToyConfig())
    outcome = LoraTrainer(
        ToyBackbone(ToyConfig()), encoder, pipeline, RECIPE, tmp_path / "run"
    ).train()
    backbone = ToyBackbone(ToyConfig())
    load_checkpoint(backbone, outcome.checkpoint)
    path = tmp_path / "predictions" / "toy.jsonl"
    predicted = Evaluator().predict(backbone, encoder, pipeline, pipeline.queries, OPTIONS, path)
    result = score_predictions(pipeline.queries, read_predictions(path), pipeline.scene)
    assert result.estimate("em", "direction_critical").mean == pytest.approx(wanted, abs=0.05)
    source = "annotated" if align.modes else "none"
    assert predicted.pose_counts == result.pose_counts == {source: 24}


def test_records_hold_the_pose_that_was_used(tmp_path: Path) -> None:
    queries = toy_queries()
    predict(tmp_path, queries, run_id="r7")
    predictions = read_predictions(tmp_path / "p.jsonl")
    assert [p.query_id for p in predictions] == [q.query_id for q in queries]
    for index, prediction in enumerate(predictions):
        assert prediction.pose is not None
        used = prediction.pose.reference_from_camera.matrix
        assert used == pytest.approx(camera(index % 2).matrix, abs=1e-9)
    assert read_records(tmp_path / "p.jsonl")[0]["run"] == {
        "id": "r7",
        "backbone": "toy",
        "seed": 0,
        "pose_draw": 0,
        "modes": ["transform"],
        "ego_frame": "camera",
        "fidelity": "correct",
        "selector": "any",
        "generation": {
            "max_new_tokens": 2,
            "num_beams": 1,
            "no_repeat_ngram_size": 0,
            "repetition_penalty": 1.0,
        },
    }


def by_key(path: Path) -> dict[str, Any]:
    return {record["key"]: record for record in read_records(path)}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12, with threads
@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 7}, {"workers": 2}])
def test_neither_order_nor_batches_nor_workers_change_an_answer(
    tmp_path: Path, options: dict[str, int]
) -> None:
    predict(tmp_path)
    shuffled = random.Random(0).sample(RECOVERED, len(RECOVERED))
    predict(tmp_path, shuffled, output="other.jsonl", **options)
    assert by_key(tmp_path / "other.jsonl") == by_key(tmp_path / "p.jsonl")
    keys = [record["key"] for record in read_records(tmp_path / "other.jsonl")]
    assert keys == [query.query_id for query in shuffled]


def test_an_interrupted_prediction_goes_on(tmp_path: Path) -> None:
    predict(tmp_path, output="straight.jsonl", batch_size=5)
    with pytest.raises(KeyboardInterrupt):
        predict(tmp_path, backbone=Counting(stop_at=3), batch_size=5)
    assert not (tmp_path / "p.jsonl").exists()
    part = tmp_path / "p.part-0-of-1.jsonl"
    part.write_text(part.read_text()[:-20])  # killed while writing the tenth line
    backbone = Counting()
    outcome = predict(tmp_path, backbone=backbone, batch_size=5)
    assert (outcome.n_predictions, outcome.n_new, backbone.n_batches) == (24, 15, 3)
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "straight.jsonl").read_bytes()
    assert not part.exists()


def test_a_finished_prediction_is_not_done_again(tmp_path: Path) -> None:
    first = predict(tmp_path)
    backbone = Counting()
    again = predict(tmp_path, backbone=backbone)
    assert (again.n_new, backbone.n_batches) == (0, 0)
    assert again.pose_counts == first.pose_counts
    assert (
        again.fallback_reasons
        == first.fallback_reasons
        == {"first frame": first.pose_counts["fallback"]}
    )


def test_several_processes_make_the_same_file(tmp_path: Path) -> None:
    predict(tmp_path, output="alone.jsonl")
    shards = [Shard(rank, 3) for rank in range(3)]
    outcomes = [predict(tmp_path, shard=shard) for shard in shards]
    assert [outcome.n_predictions for outcome in outcomes] == [8, 8, 8]
    merge_parts(tmp_path / "p.jsonl", 3, [query.query_id for query in RECOVERED])
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()


def test_files_of_other_runs_and_queries_are_refused(tmp_path: Path) -> None:
    predict(tmp_path)
    with pytest.raises(DataError, match="made with another seed"):
        predict(tmp_path, seed=1)
    with pytest.raises(DataError, match="made with another pose_draw"):
        predict(tmp_path, pose_draw=1)
    with pytest.raises(DataError, match="24 queries, wanted 3"):
        predict(tmp_path, RECOVERED[:3])


def test_queries_must_differ(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="distinct ids"):
        predict(tmp_path, RECOVERED[:1] * 2)


def test_no_query_makes_an_empty_file(tmp_path: Path) -> None:
    assert predict(tmp_path, []).n_predictions == 0
    assert (tmp_path / "p.jsonl").read_text() == ""


def test_a_backbone_must_answer_every_item(tmp_path: Path) -> None:
    class Forgetful(ToyBackbone):
        def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
            return super().generate(batch, options)[1:]

    with pytest.raises(BackboneError, match="wanted 16 answers to a batch, found 15"):
        predict(tmp_path, backbone=Forgetful(ToyConfig()))


class Cramped(Counting):
    """Has memory for a few questions only."""

    def __init__(self, n_fit: int) -> None:
        super().__init__()
        self.n_fit = n_fit

    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        answers = super().generate(batch, options)
        if len(answers) > self.n_fit:
            raise torch.OutOfMemoryError("no room")
        return answers


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path) -> None:
    predict(tmp_path, output="roomy.jsonl")
    backbone = Cramped(n_fit=5)
    with pytest.warns(PoseAlignWarning, match="out of memory with") as warned:
        outcome = predict(tmp_path, backbone=backbone, batch_size=16)
    assert [str(w.message).split("; ")[1].split(".")[0] for w in warned] == [
        "going on with 8",
        "going on with 4",
    ]
    assert outcome.n_predictions == len(RECOVERED)
    assert backbone.n_batches == 2 + 6  # of 4 each; what has run out once is not tried again
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "roomy.jsonl").read_bytes()


def test_a_single_question_that_does_not_fit_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.warns(PoseAlignWarning),
        pytest.raises(BackboneError, match="single question does not fit into memory; use"),
    ):
        predict(tmp_path, backbone=Cramped(n_fit=0), batch_size=2)


def test_a_backbone_may_decode_its_own_way(tmp_path: Path) -> None:
    class Shouting(Evaluator):
        def decode(self, answer: RawAnswer, sample: AlignedSample) -> Prediction:
            return super().decode(RawAnswer(text=sample.query.text.upper()), sample)

    pipeline, path = toy_pipeline(tmp_path), tmp_path / "p.jsonl"
    Shouting().predict(
        ToyBackbone(ToyConfig()), ToyEncoder(ToyConfig()), pipeline, pipeline.queries, OPTIONS, path
    )
    texts = {p.text for p in read_predictions(path)}
    assert texts == {"IS THE CHAIR ON MY LEFT ?", "THE CHAIR IS ON MY"}


SHAPES = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(1, 5))


@given(st.lists(SHAPES, max_size=60), st.integers(1, 7))
def test_batches_hold_every_query_once_view_by_view(
    shapes: list[tuple[int, int, int]], batch_size: int
) -> None:
    template = RECOVERED[0]
    queries = [
        Query(
            query_id=str(i),
            benchmark=template.benchmark,
            split=template.split,
            scene_id=f"s{scene}",
            kind=template.kind,
            text="word " * length,
            situation=str(view),
        )
        for i, (scene, view, length) in enumerate(shapes)
    ]

    def view_of(query: Query) -> tuple[str, str]:
        return query.scene_id, query.situation

    batches = list(batches_by_length(queries, batch_size, view_of))
    order = [queries[i] for batch in batches for i in batch]
    assert sorted(int(query.query_id) for query in order) == list(range(len(queries)))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    if len(queries) <= 16 * batch_size:
        groups = [list(group) for _, group in itertools.groupby(order, view_of)]
        assert len(groups) == len({view_of(query) for query in queries})
        lengths = [[len(query.text) for query in group] for group in groups]
        assert lengths == [sorted(own) for own in lengths]
        assert [own[-1] for own in lengths] == sorted(own[-1] for own in lengths)
