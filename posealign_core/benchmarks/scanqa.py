"""ScanQA: free-form answers (benchmarks spec 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import as_text, complete_queries
from posealign_core.datasets.entries import read_entries
from posealign_core.datasets.files import find_file
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from posealign_core.datasets.entries import Entry

__all__ = ["ScanQA", "question_class"]

_CLASSES = (
    ("Where", "place"),
    ("How many", "number"),
    ("What color", "color"),
    ("What is the color", "color"),
    ("What shape", "object nature"),
    ("What type", "object nature"),
    ("What kind", "object nature"),
    ("What is", "object"),
)


class ScanQA(Benchmark):
    """`ScanQA_v1.0_<split>.json`; ids are the `question_id`s."""

    name = "scanqa"
    kind = TaskKind.ANSWER

    def queries(self, split: str) -> list[Query]:
        """All questions of a split (`train`, `val`, `test_w_obj`, `test_wo_obj`)."""
        path = find_file(self.root, [f"ScanQA_v1.0_{split}.json"])
        queries = [self._query(entry, split) for entry in read_entries(path)]
        return complete_queries(queries, path, self.name, split)

    def _query(self, entry: Entry, split: str) -> Query:
        question = entry.text("question")
        extra = {"question_type": question_class(question)}
        if "object_names" in entry:
            extra["object_names"] = as_text(list(entry.texts("object_names")))
        return Query(
            query_id=entry.text("question_id"),
            benchmark=self.name,
            split=split,
            scene_id=entry.text("scene_id"),
            kind=self.kind,
            text=question,
            target_ids=entry.integers("object_ids") if "object_ids" in entry else (),
            references=entry.texts("answers") if "answers" in entry else (),
            extra=extra,
        )


def question_class(question: str) -> str:
    """The benchmark's own class of a question: the first phrase that it contains decides."""
    return next((name for phrase, name in _CLASSES if phrase in question), "other")
