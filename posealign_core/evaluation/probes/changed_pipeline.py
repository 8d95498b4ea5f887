"""A run's pipeline with one thing put otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posealign_core.align import align_sample
from posealign_core.evaluation.probes.change import Change
from posealign_core.pipeline import QueryPipeline

if TYPE_CHECKING:
    from posealign_core.recover import PoseNoise, Selector
    from posealign_core.structures import (
        AlignedSample,
        AlignSettings,
        EgoPose,
        Prediction,
        Query,
        Scene,
    )

__all__ = ["ChangedPipeline"]

_NO_CHANGE = Change()


class ChangedPipeline(QueryPipeline):
    """Makes the sample that the run would make, then in a changed world.

    Args:
        base: The run's own pipeline.
        change: What is changed of scene, pose and question.
        selector: Another rule that chooses poses.
        settings: Other alignment modes.
        noise: Other noise on poses.
    """

    def __init__(
        self,
        base: QueryPipeline,
        change: Change = _NO_CHANGE,
        *,
        selector: Selector | None = None,
        settings: AlignSettings | None = None,
        noise: PoseNoise | None = None,
    ) -> None:
        super().__init__(
            base.host,
            base.dataset,
            base.queries,
            base.tables_dir,
            selector or base.selector,
            settings or base.settings,
            backbone=base.backbone,
            seed=base.seed,
            noise=noise or base.noise,
            host_factory=base.host_factory,
        )
        self.change = change
        self._last: tuple[Scene, Scene] | None = None

    def pose(self, query: Query, epoch: int) -> EgoPose | None:
        """The pose of an unchanged query, found in the scan as it is, then changed."""
        pose = super().pose(query, epoch)
        return None if pose is None else self.change.pose(pose, super().scene(query.scene_id))

    def scene(self, scene_id: str) -> Scene:
        """The changed scan; the same object as long as it is asked for in a row."""
        scene = super().scene(scene_id)
        if self._last is None or self._last[0] is not scene:
            self._last = (scene, self.change.scene(scene))
        return self._last[1]

    def query(self, query: Query) -> Query:
        """The changed query."""
        return self.change.query(query, super().scene(query.scene_id))

    def restored(self, answer: Prediction) -> Prediction:
        """An answer from the changed world as it reads in the unchanged one."""
        return self.change.restored(answer, super().scene(answer.scene_id))

    def sample(self, query: Query, epoch: int) -> AlignedSample:
        """Align the changed scan with the changed pose of an unchanged query."""
        scene, pose = self.scene(query.scene_id), self.pose(query, epoch)
        changed = self.query(query)
        return align_sample(self.host, self.backbone, changed, scene, pose, self.settings)

    def __getstate__(self) -> dict[str, Any]:
        """As for the run's pipeline, and without the last scan."""
        return {**super().__getstate__(), "_last": None}
