"""The training sequences as the data loader sees them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from torch.utils.data import Dataset

from posealign_core.pipeline import count_poses
from posealign_core.recover import query_rng

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.backbone import Features, SampleEncoder
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.training.plan import Item

__all__ = ["EncodedItem", "EncodedItems"]


class EncodedItem(NamedTuple):
    """One encoded sequence, and how the poses of its questions came about."""

    features: Features
    pose_counts: dict[str, int]


class EncodedItems(Dataset[EncodedItem]):
    """Encodes an item when it is asked for; picklable, for data-loader workers.

    Args:
        pipeline: Makes the samples.
        encoder: The backbone's.
        length: Items in the whole run, as the trainer wants to know.
    """

    def __init__(self, pipeline: QueryPipeline, encoder: SampleEncoder, length: int) -> None:
        self._pipeline = pipeline
        self._encoder = encoder
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, item: Item) -> EncodedItem:
        """Align and encode the queries of an item."""
        queries = [self._pipeline.queries[i] for i in item.indices]
        samples = [self._pipeline.sample(query, item.epoch) for query in queries]
        # Another stream than the one that the poses are drawn from.
        rng = query_rng(self._pipeline.seed, item.epoch, f"encode {queries[0].query_id}")
        features = self._encoder.encode(samples, train=True, rng=rng)
        return EncodedItem(features, count_poses(sample.pose for sample in samples))

    def collate(self, items: Sequence[EncodedItem]) -> dict[str, Any]:
        """Batch encoded items: `inputs` for the model, `pose_counts` of all their poses."""
        counts: Counter[str] = Counter()
        for item in items:
            counts.update(item.pose_counts)
        inputs = self._encoder.collate([item.features for item in items])
        return {"inputs": inputs, "pose_counts": dict(counts)}
