"""Groups of queries that the benchmarks themselves report on."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from typing import TYPE_CHECKING

from posealign_core.datasets.files import read_text
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from posealign_core.structures import Query

__all__ = ["LABEL_MAP", "benchmark_groups", "read_label_map", "unique_and_multiple"]

LABEL_MAP = "scannetv2-labels.combined.tsv"
"""ScanNet's own name of its label map."""
_SCANNET_CLASSES = frozenset(
    (
        *("cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
        *("counter", "desk", "curtain", "refrigerator", "shower curtain", "toilet", "sink"),
        "bathtub",
    )
)
_OTHERS = "others"
_GROUP_FIELD = {
    "multi3drefer": ("", "eval_type"),
    "scanqa": ("type:", "question_type"),
    "sqa3d": ("type:", "question_type"),
}


def benchmark_groups(
    queries: Sequence[Query], class_of: Mapping[str, str] | None
) -> dict[str, tuple[str, ...]]:
    """Query ids by the groups of their benchmark.

    ScanRefer has those of `unique_and_multiple` (only where `class_of` is known), Multi3DRefer its
    evaluation types, Nr3D and Sr3D `easy`, `hard`, `view_dependent` and `view_independent`, ScanQA
    and SQA3D the types of their questions as `type:<name>`, since one of them is `other`.

    Args:
        queries: Queries of one benchmark.
        class_of: NYU40 class of a raw ScanNet label.
    """
    benchmark = queries[0].benchmark
    if benchmark in ("nr3d", "sr3d"):
        return _collect((q.query_id, name) for q in queries for name in _referit3d_groups(q))
    if benchmark == "scanrefer" and class_of is not None:
        return unique_and_multiple(queries, class_of)
    prefix, field = _GROUP_FIELD.get(benchmark, ("", ""))
    return _collect((q.query_id, prefix + q.extra[field]) for q in queries if field in q.extra)


def unique_and_multiple(
    queries: Sequence[Query], class_of: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """ScanRefer's `unique` and `multiple`: whether the scan describes another of the class.

    Only described objects count, each once; classes beyond the 17 of ScanNet are one class, and
    its objects are `in_others`, the rest `not_in_others`.

    Args:
        queries: All descriptions of a split.
        class_of: NYU40 class of a raw ScanNet label.
    """

    def group(query: Query) -> tuple[str, str]:
        name = class_of.get(query.extra.get("object_name", "").replace("_", " "), _OTHERS)
        return query.scene_id, name if name in _SCANNET_CLASSES else _OTHERS

    described = {(query.scene_id, query.target_ids): group(query) for query in queries}
    counts = Counter(described.values())
    named = [(q.query_id, described[q.scene_id, q.target_ids]) for q in queries]
    return {
        **_collect((key, "unique" if counts[g] == 1 else "multiple") for key, g in named),
        **_collect((key, "in_others" if g[1] == _OTHERS else "not_in_others") for key, g in named),
    }


def read_label_map(path: Path) -> dict[str, str]:
    """Read NYU40 classes of raw labels from `scannetv2-labels.combined.tsv`.

    Raises:
        DataError: The file is missing or lacks the columns.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)), delimiter="\t")
    wanted = {"raw_category", "nyu40class"}
    if not wanted <= set(rows.fieldnames or ()):
        raise DataError(f"{path}: wanted the columns {sorted(wanted)}, found {rows.fieldnames}")
    return {row["raw_category"]: row["nyu40class"] for row in rows}


def _referit3d_groups(query: Query) -> list[str]:
    groups = []
    if "distractor_ids" in query.extra:
        n_same = 1 + len(json.loads(query.extra["distractor_ids"]))
        groups.append("easy" if n_same <= 2 else "hard")
    if "view_dependent" in query.extra:
        depends = query.extra["view_dependent"] == "true"
        groups.append("view_dependent" if depends else "view_independent")
    return groups


def _collect(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(name, []).append(key)
    return {name: tuple(groups[name]) for name in sorted(groups)}
