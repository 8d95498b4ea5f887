"""Asking a backbone all queries of a benchmark, with answers on disk as they come."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import send_to_device
from torch.utils.data import DataLoader

from posealign_core.align import answer_to_prediction
from posealign_core.errors import BackboneError, DataError, PoseAlignWarning
from posealign_core.evaluation.batches import EncodedQueries, batches_by_length
from posealign_core.evaluation.parts import Part, merge_parts, require_run
from posealign_core.evaluation.processes import own_shard, wait_for_all
from posealign_core.evaluation.records import pose_from_record, prediction_to_record, read_records
from posealign_core.pipeline import count_fallbacks, count_poses
from posealign_core.progress import progress_bar
from posealign_core.training.lora import folded_adapters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from posealign_core.backbone import Backbone, RawAnswer, SampleEncoder
    from posealign_core.evaluation.parts import Shard
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.structures import AlignedSample, GenerationOptions, Prediction, Query

__all__ = ["Evaluator", "PredictOutcome"]


@dataclass(frozen=True, kw_only=True)
class PredictOutcome:
    """What a prediction run came to.

    Attributes:
        path: The file of predictions, of this process's share where there are several.
        n_predictions: Predictions in it.
        n_new: Those made now; the others were there.
        pose_counts: How many poses came about in which way, `"none"` without pose.
        fallback_reasons: How often a pose was replaced for which reason.
    """

    path: Path
    n_predictions: int
    n_new: int
    pose_counts: Mapping[str, int]
    fallback_reasons: Mapping[str, int]


class Evaluator:
    """Predicts; a backbone whose answers need other decoding overrides `decode`.

    Args:
        batch_size: Queries per forward pass.
        workers: Processes that encode; 0 encodes in this process.
        pose_draw: Which draw of the poses, for selectors that draw.
    """

    def __init__(self, *, batch_size: int = 16, workers: int = 0, pose_draw: int = 0) -> None:
        self.batch_size = batch_size
        self.workers = workers
        self.pose_draw = pose_draw

    def decode(self, answer: RawAnswer, sample: AlignedSample) -> Prediction:
        """Carry an answer to its sample back to WORLD."""
        return answer_to_prediction(answer, sample)

    def predict(  # noqa: PLR0917 - what a prediction is made of, in order
        self,
        backbone: Backbone,
        encoder: SampleEncoder,
        pipeline: QueryPipeline,
        queries: Sequence[Query],
        options: GenerationOptions,
        output_path: Path,
        *,
        run_id: str = "",
        shard: Shard | None = None,
    ) -> PredictOutcome:
        """Answer queries into a file with one JSON object per line.

        Killed at any time and called again, it goes on with what is missing. Processes that
        torchrun started share the work and each return with the whole file. A batch that does not
        fit into memory is halved, and a warning says so.

        Args:
            backbone: Moved to the device that suits; answers in evaluation mode.
            encoder: The backbone's encoder.
            pipeline: Makes the samples.
            queries: Queries of one benchmark.
            options: How answers are decoded, where `Backbone.decoding` is silent.
            output_path: The file.
            run_id: What made the predictions, the run's digest for example; stored beside each.
            shard: The share of this process, whose part the caller joins with `merge_parts`;
                torchrun's share, and the parts are joined here, where None.

        Raises:
            BackboneError: The backbone gives another number of answers than it was asked for, or a
                single question does not fit into memory.
            DataError: Query ids are not distinct, or the file holds predictions of another run.
        """
        keys = [query.query_id for query in queries]
        if len(set(keys)) != len(keys):
            raise DataError(f"{output_path}: wanted queries with distinct ids, found some twice")
        if queries:
            options = backbone.decoding.get(queries[0].benchmark, options)
        run = self._run(pipeline, options, run_id)
        if output_path.is_file():
            records = read_records(output_path)
            require_run(output_path, records, run)
            _require_keys(output_path, records, keys)
            return _outcome(output_path, records, n_new=0)
        share = own_shard() if shard is None else shard
        part = Part(share.path(output_path), run)
        mine = share.of(queries)
        pending = [query for query in mine if query.query_id not in part.records]
        with progress_bar() as bar:
            bar.add_task(
                f"predict {part.path.stem}",
                total=len(mine),
                completed=len(mine) - len(pending),
                note="",
            )
            encoded = EncodedQueries(encoder, pipeline, pending, self.pose_draw)
            with folded_adapters(backbone.to(_device())):
                for records in self._answer(backbone, encoded, pending, options, run):
                    part.append(records)
                    bar.advance(bar.task_ids[0], len(records))
        _require_keys(part.path, list(part.records.values()), [q.query_id for q in mine])
        part.finish()
        if shard is not None and shard.world_size > 1:
            return _outcome(part.path, list(part.records.values()), n_new=len(pending))
        _merge(output_path, share, keys)
        return _outcome(output_path, read_records(output_path), n_new=len(pending))

    def _answer(
        self,
        backbone: Backbone,
        encoded: EncodedQueries,
        queries: Sequence[Query],
        options: GenerationOptions,
        run: Mapping[str, Any],
    ) -> Iterator[list[dict[str, Any]]]:
        """Records of one batch after the other."""
        device = _device()
        backbone.to(device).eval()
        for answers, samples in self._answers(backbone, encoded, queries, options, device):
            if len(answers) != len(samples):
                raise BackboneError(
                    f"{type(backbone).__name__}: wanted {len(samples)} answers to a batch, found "
                    f"{len(answers)}"
                )
            yield [
                prediction_to_record(
                    self.decode(answer, sample),
                    split=sample.query.split,
                    aligned_from_world=sample.scene.aligned_from_world,
                    run=run,
                )
                for answer, sample in zip(answers, samples, strict=True)
            ]

    def _answers(
        self,
        backbone: Backbone,
        encoded: EncodedQueries,
        queries: Sequence[Query],
        options: GenerationOptions,
        device: torch.device,
    ) -> Iterator[tuple[list[RawAnswer], list[AlignedSample]]]:
        """Answers to one batch after the other; smaller batches once memory has run out."""
        loader = DataLoader(
            encoded,
            batch_sampler=batches_by_length(queries, self.batch_size, encoded.view),
            collate_fn=list,  # joined here, where it is known how many fit
            num_workers=self.workers,
        )
        size = self.batch_size
        for items in loader:
            left = items
            while left:
                batch, samples = encoded.collate(left[:size])
                try:
                    with torch.inference_mode():
                        answers = backbone.generate(send_to_device(batch, device), options)
                except torch.OutOfMemoryError as error:
                    size = _halved(min(size, len(left)), error)
                    continue
                yield answers, samples
                left = left[size:]

    def _run(
        self, pipeline: QueryPipeline, options: GenerationOptions, run_id: str
    ) -> dict[str, Any]:
        settings = pipeline.settings
        return {
            "id": run_id,
            "backbone": pipeline.backbone,
            "seed": pipeline.seed,
            "pose_draw": self.pose_draw,
            "modes": sorted(mode.value for mode in settings.modes),
            "ego_frame": settings.ego_frame.value,
            "fidelity": settings.fidelity.value,
            "selector": pipeline.selector.name if settings.modes else "",
            "generation": asdict(options),
        }


def _require_keys(path: Path, records: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    found = {record["key"] for record in records}
    if found != set(keys):
        raise DataError(
            f"{path}: holds predictions to {len(found)} queries, wanted {len(keys)} "
            f"({len(found & set(keys))} of them are there); remove it, or choose another output"
        )


def _outcome(path: Path, records: Sequence[Mapping[str, Any]], *, n_new: int) -> PredictOutcome:
    poses = [record["pose"] and pose_from_record(record["pose"]) for record in records]
    return PredictOutcome(
        path=path,
        n_predictions=len(records),
        n_new=n_new,
        pose_counts=count_poses(poses),
        fallback_reasons=count_fallbacks(poses),
    )


def _merge(output_path: Path, share: Shard, keys: Sequence[str]) -> None:
    """Join the parts once, when the last process has written its own."""
    wait_for_all()
    if share.rank == 0:
        merge_parts(output_path, share.world_size, keys)
    wait_for_all()


def _halved(size: int, error: torch.OutOfMemoryError) -> int:
    """Half a batch size that did not fit.

    Raises:
        BackboneError: It was one.
    """
    if size == 1:
        raise BackboneError(
            "evaluation: a single question does not fit into memory; use a smaller preset or dtype "
            "bfloat16, lower num_beams, or free the GPU"
        ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    warnings.warn(
        f"evaluation: out of memory with {size} questions at once; going on with {size // 2}. Set "
        f"evaluate.batch_size to {size // 2} to begin so",
        PoseAlignWarning,
        stacklevel=2,
    )
    return size // 2


def _device() -> torch.device:
    """The GPU of this process where there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")
