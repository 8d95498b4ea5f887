"""Queries as batches for a backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import Dataset

from posealign_core.recover import query_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.backbone import Batch, Features, SampleEncoder
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.structures import AlignedSample, Query

__all__ = ["EncodedQueries", "batches_by_length"]

_BATCHES_PER_WINDOW = 16


class EncodedQueries(Dataset["tuple[Features, AlignedSample]"]):
    """Encodes queries one by one; picklable, for data-loader workers.

    Args:
        encoder: The backbone's.
        pipeline: Makes the samples.
        queries: What is asked.
        pose_draw: Which draw of the poses.
    """

    def __init__(
        self,
        encoder: SampleEncoder,
        pipeline: QueryPipeline,
        queries: Sequence[Query],
        pose_draw: int,
    ) -> None:
        self._encoder = encoder
        self._pipeline = pipeline
        self._queries = queries
        self._pose_draw = pose_draw

    def __getitem__(self, index: int) -> tuple[Features, AlignedSample]:
        """Encode one query; its sample is needed to decode the answer."""
        query = self._queries[index]
        sample = self._pipeline.sample(query, self._pose_draw)
        rng = query_rng(self._pipeline.seed, self._pose_draw, f"encode {query.query_id}")
        return self._encoder.encode([sample], train=False, rng=rng), sample

    def collate(
        self, items: Sequence[tuple[Features, AlignedSample]]
    ) -> tuple[Batch, list[AlignedSample]]:
        """Batch encoded queries, keeping their samples for decoding."""
        features, samples = zip(*items, strict=True)
        return self._encoder.collate(features), list(samples)


def batches_by_length(queries: Sequence[Query], batch_size: int) -> list[list[int]]:
    """Order queries by scene, and by length within a window of batches.

    Scans, and what encoders keep of them, are then used while they are at hand, and little is
    padded.

    Returns:
        Batches of indices; each index is in exactly one.
    """
    by_scene = sorted(
        range(len(queries)), key=lambda i: (queries[i].scene_id, queries[i].target_ids)
    )
    window = batch_size * _BATCHES_PER_WINDOW
    order: list[int] = []
    for start in range(0, len(by_scene), window):
        order += sorted(by_scene[start : start + window], key=lambda i: _n_words(queries[i]))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _n_words(query: Query) -> int:
    return len(query.text.split()) + len(query.situation.split())
