"""Nr3D and Sr3D: pick the described object among a scan's known ones (benchmarks spec 4.3)."""

from __future__ import annotations

import ast
import csv
import io
import json
from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import complete_queries
from posealign_core.datasets.entries import Entry
from posealign_core.datasets.files import find_file, read_text
from posealign_core.datasets.splits import read_split
from posealign_core.errors import DataError
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["VIEW_WORDS", "Nr3D", "Sr3D"]

VIEW_WORDS = frozenset(
    (
        *("front", "behind", "back", "right", "left", "facing"),
        *("leftmost", "rightmost", "looking", "across"),
    )
)
"""An utterance with one of these words is view-dependent."""

_TEXTS = ("stimulus_id", "instance_type")
_FLAGS = ("mentions_target_class", "correct_guess")


class Nr3D(Benchmark):
    """`nr3d.csv` and the ScanNet split lists; ids are `assignmentid`s.

    Any object of the scan may be chosen, so `candidates` stays empty. `extra` says which of the
    benchmark's filters and groups an utterance falls into: `mentions_target_class`, `n_tokens`,
    `distractor_ids` (the other objects of the target's class), `view_dependent`.
    """

    name = "nr3d"
    kind = TaskKind.SELECT

    def queries(self, split: str) -> list[Query]:
        """All utterances of a split; `test` is the scans of `val`, as in ReferIt3D."""
        return _queries(self, "nr3d.csv", split, _nr3d_id)


class Sr3D(Benchmark):
    """`sr3d.csv`, as for `Nr3D`; ids are `<row>|stimulus_id`, rows counted from 0."""

    name = "sr3d"
    kind = TaskKind.SELECT

    def queries(self, split: str) -> list[Query]:
        """All utterances of a split; `test` is the scans of `val`, as in ReferIt3D."""
        return _queries(self, "sr3d.csv", split, lambda row, n: f"{n}|{row.text('stimulus_id')}")


def _nr3d_id(row: Entry, number: int) -> str:
    if "assignmentid" in row:
        return row.text("assignmentid")
    return f"{row.text('scan_id')}|{row.integer('target_id')}|{number}"


def _queries(
    benchmark: Benchmark, file_name: str, split: str, query_id: Callable[[Entry, int], str]
) -> list[Query]:
    path = find_file(benchmark.root, [file_name])
    scans = set(read_split(benchmark.root, "val" if split == "test" else split))
    queries = [
        Query(
            query_id=query_id(row, number),
            benchmark=benchmark.name,
            split=split,
            scene_id=row.text("scan_id"),
            kind=benchmark.kind,
            text=row.text("utterance"),
            target_ids=(row.integer("target_id"),),
            extra=_extra(row),
        )
        for number, row in enumerate(_read_rows(path))
        if row.text("scan_id") in scans
    ]
    return complete_queries(queries, path, benchmark.name, split)


def _read_rows(path: Path) -> list[Entry]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path)), strict=True))
    except csv.Error as error:
        raise DataError(f"{path}: damaged CSV ({error}); fetch it again") from error
    for number, row in enumerate(rows):
        if None in row or None in row.values():
            raise DataError(
                f"{path}, row {number}: wanted a value for each column of the first line, found "
                f"{list(row.values())!r:.120}; the file may be cut short, fetch it again"
            )
    return [Entry(row, f"{path}, row {number}") for number, row in enumerate(rows)]


def _extra(row: Entry) -> dict[str, str]:
    tokens = _tokens(row)
    extra = {key: row.text(key) for key in _TEXTS if key in row}
    extra |= {key: row.text(key).lower() for key in _FLAGS if key in row}
    extra["n_tokens"] = str(len(tokens))
    extra["view_dependent"] = json.dumps(not VIEW_WORDS.isdisjoint(tokens))
    if "stimulus_id" in row:
        extra["distractor_ids"] = json.dumps(_distractors(row))
    return extra


def _tokens(row: Entry) -> list[str]:
    """The utterance's own tokens, a Python list in the CSV; its words where there is none."""
    if "tokens" not in row:
        return row.text("utterance").lower().split()
    text = row.text("tokens")
    try:
        return [str(token) for token in ast.literal_eval(text)]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise row.wrong(("tokens",), "a list of words", text) from error


def _distractors(row: Entry) -> list[int]:
    """Ids after the target in `scan-label-n-target-d1-d2-...`, where n counts them and the target.

    A label may hold hyphens and numbers itself, so the longest ending that adds up is taken.
    """
    stimulus, target = row.text("stimulus_id"), row.integer("target_id")
    words = stimulus.split("-")
    for i, word in enumerate(words):
        ids = words[i + 1 :]
        if all(w.isdecimal() for w in (word, *ids)) and int(word) == len(ids):
            numbers = [int(w) for w in ids]
            if numbers[:1] == [target]:
                return numbers[1:]
    raise row.wrong(("stimulus_id",), f"scan-label-n-target-others with target {target}", stimulus)
