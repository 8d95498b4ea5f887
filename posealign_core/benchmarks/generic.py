"""Questions about anyone's scans: `<scene>/questions.json` (docs/own_data_format.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import as_text, complete_queries, pose_of_matrix
from posealign_core.datasets.entries import object_ids_of, read_entries
from posealign_core.datasets.generic import Generic
from posealign_core.datasets.generic_files import SceneSettings
from posealign_core.datasets.numbers import numeric_array
from posealign_core.errors import DataError
from posealign_core.structures import Query, Region
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.datasets.entries import Entry
    from posealign_core.geometry import RigidTransform

__all__ = ["GenericQuestions"]

_FIELDS = frozenset({"id", "text", "kind", "situation", "targets", "answers", "candidates", "pose"})


class GenericQuestions(Benchmark):
    """Questions beside the scenes of a generic folder; ids are `scene|id`.

    Questions may be of any kind; `kind` is that of a question that does not say.
    """

    name = "generic"
    kind = TaskKind.ANSWER

    def splits(self) -> Sequence[str]:
        """The splits of `splits.json`."""
        return Generic(self.root).splits()

    def queries(self, split: str) -> list[Query]:
        """All questions about the scenes of a split; scenes without questions are passed over."""
        dataset = Generic(self.root)
        queries = []
        for scene_id in dataset.scene_ids(split):
            path = dataset.folder(scene_id) / "questions.json"
            if path.is_file():
                settings = SceneSettings.read(path.parent)
                queries += [
                    self._query(entry, scene_id, split, settings) for entry in read_entries(path)
                ]
        return complete_queries(queries, self.root / "questions.json", self.name, split)

    def _query(self, entry: Entry, scene_id: str, split: str, settings: SceneSettings) -> Query:
        kind = self._kind(entry)
        targets = object_ids_of(entry.values.get("targets"), entry.where)
        others = {key: as_text(value) for key, value in entry.values.items() if key not in _FIELDS}
        return Query(
            query_id=f"{scene_id}|{entry.text('id')}",
            benchmark=self.name,
            split=split,
            scene_id=scene_id,
            kind=kind,
            text=entry.text("text") if "text" in entry else "",
            situation=entry.text("situation") if "situation" in entry else "",
            target_ids=targets,
            references=entry.texts("answers") if "answers" in entry else (),
            region=Region(object_id=targets[0]) if kind is TaskKind.CAPTION and targets else None,
            annotated_pose=_pose(entry, settings),
            candidates=object_ids_of(entry.values.get("candidates"), entry.where),
            extra=others,
        )

    def _kind(self, entry: Entry) -> TaskKind:
        name = entry.text("kind") if "kind" in entry else self.kind.value
        try:
            return TaskKind(name)
        except ValueError as error:
            kinds = ", ".join(kind.value for kind in TaskKind)
            raise DataError(f"{entry.where}: wanted a kind of {kinds}, found {name!r}") from error


def _pose(entry: Entry, settings: SceneSettings) -> RigidTransform | None:
    """The asker's pose, stored in the convention that the scene's `scene.json` states."""
    if entry.values.get("pose") is None:
        return None
    where = f"{entry.where}, pose"
    stored = numeric_array(where, entry.get("pose"), (4, 4), np.float64)
    return pose_of_matrix(settings.world_from_camera(stored), where)
