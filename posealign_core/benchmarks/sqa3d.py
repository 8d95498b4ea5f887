"""SQA3D: questions asked from a situation, in words and as a pose (benchmarks spec 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import as_text, complete_queries
from posealign_core.datasets.entries import Entry, entries_of
from posealign_core.datasets.files import find_file, read_json
from posealign_core.errors import DataError
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["SQA3D", "question_prefix"]

_PREFIXES = ("what", "is", "how", "can", "which")


class SQA3D(Benchmark):
    """`v1_balanced_questions_<split>_scannetv2.json` and its annotations; ids are `question_id`s.

    The annotated place counts from the centre of the room, which only the scan knows: `extra` holds
    it as `position` and `rotation`, and `posealign data place-situations` makes poses of them,
    beside the annotations, from where this reader takes them.
    """

    name = "sqa3d"
    kind = TaskKind.ANSWER

    def splits(self) -> Sequence[str]:
        """The three published splits."""
        return ("train", "val", "test")

    def queries(self, split: str) -> list[Query]:
        """All questions of a split (`train`, `val`, `test`).

        Raises:
            DataError: A file is missing or damaged, or a question has no annotation.
        """
        path = self.questions_path(split)
        answers_path = find_file(self.root, [f"v1_balanced_sqa_annotations_{split}_scannetv2.json"])
        rows = Entry(read_json(answers_path), str(answers_path)).get("annotations")
        answers = {row.integer("question_id"): row for row in entries_of(rows, answers_path)}
        questions = entries_of(Entry(read_json(path), str(path)).get("questions"), path)
        queries = []
        for entry in questions:
            number = entry.integer("question_id")
            if number not in answers:
                raise DataError(
                    f"{answers_path}: wanted an annotation of question {number}, found none"
                )
            queries.append(self._query(entry, answers[number], split))
        return complete_queries(queries, path, self.name, split)

    def questions_path(self, split: str) -> Path:
        """The question file of a split; annotations and poses lie beside it.

        Raises:
            DataError: There is none.
        """
        return find_file(self.root, [f"v1_balanced_questions_{split}_scannetv2.json"])

    def _query(self, entry: Entry, answer: Entry, split: str) -> Query:
        question = entry.text("question")
        extra = {"question_type": question_prefix(question)}
        if "alternative_situation" in entry:
            others = list(entry.texts("alternative_situation"))
            extra["alternative_situations"] = as_text(others)
        for key in ("position", "rotation"):
            if key in answer:
                extra[key] = as_text(answer.get(key))
        rows = answer.get("answers")
        return Query(
            query_id=str(entry.integer("question_id")),
            benchmark=self.name,
            split=split,
            scene_id=entry.text("scene_id"),
            kind=self.kind,
            text=question,
            situation=entry.text("situation"),
            references=tuple(Entry(row, answer.where).text("answer") for row in rows),
            extra=extra,
        )


def question_prefix(question: str) -> str:
    """The type of a question, by how it starts: what, is, how, can, which, or others."""
    start = question.lstrip().lower()
    return next((prefix for prefix in _PREFIXES if start.startswith(prefix)), "others")
