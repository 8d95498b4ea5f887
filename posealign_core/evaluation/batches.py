"""Queries as batches for a backbone."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from torch.utils.data import Dataset

from posealign_core.recover import query_rng

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

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

    def view(self, query: Query) -> Hashable:
        """What queries that share scan and pose have in common."""
        return self._pipeline.view(query, self._pose_draw)

    def collate(
        self, items: Sequence[tuple[Features, AlignedSample]]
    ) -> tuple[Batch, list[AlignedSample]]:
        """Batch encoded queries, keeping their samples for decoding."""
        features, samples = zip(*items, strict=True)
        return self._encoder.collate(features), list(samples)


def batches_by_length(
    queries: Sequence[Query], batch_size: int, view: Callable[[Query], Hashable]
) -> Iterator[list[int]]:
    """Order queries by scene, and by view and length within a window of batches.

    Scans, and what encoders keep of a scan in a pose, are then used while they are at hand, and
    little is padded.

    Args:
        queries: The queries.
        batch_size: Queries per batch.
        view: What queries that share scan and pose have in common; asked for when it is needed.

    Yields:
        Batches of indices; each index is in exactly one.
    """
    by_scene = sorted(
        range(len(queries)), key=lambda i: (queries[i].scene_id, queries[i].target_ids)
    )
    window = batch_size * _BATCHES_PER_WINDOW
    for start in range(0, len(by_scene), window):
        groups: dict[Hashable, list[int]] = {}
        for i in sorted(by_scene[start : start + window], key=lambda i: _n_words(queries[i])):
            groups.setdefault(view(queries[i]), []).append(i)
        by_longest = sorted(groups.values(), key=lambda group: _n_words(queries[group[-1]]))
        order = [*chain.from_iterable(by_longest)]
        yield from (order[at : at + batch_size] for at in range(0, len(order), batch_size))


def _n_words(query: Query) -> int:
    return len(query.text.split()) + len(query.situation.split())
