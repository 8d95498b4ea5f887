"""Predictions against what a benchmark expects."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from importlib import metadata
from typing import TYPE_CHECKING

from posealign_core.errors import DataError
from posealign_core.evaluation.metrics.texts import TextTools
from posealign_core.evaluation.protocols import Material, find_protocol
from posealign_core.evaluation.protocols.groups import benchmark_groups
from posealign_core.evaluation.result import BenchmarkResult
from posealign_core.evaluation.subsets import ANNOTATED, direction_rule, direction_subsets
from posealign_core.pipeline import count_fallbacks, count_poses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from posealign_core.structures import Prediction, Query, Scene

__all__ = ["queries_digest", "score_predictions"]

_PACKAGES = ("numpy", "posealign", "pycocoevalcap", "scipy")


def score_predictions(
    queries: Sequence[Query],
    predictions: Iterable[Prediction],
    scene: Callable[[str], Scene],
    *,
    protocol: str = "strict",
    tools: TextTools | None = None,
    class_of: Mapping[str, str] | None = None,
    labels: Mapping[str, bool | None] | None = None,
) -> BenchmarkResult:
    """Score all queries of one benchmark.

    Args:
        queries: Queries of one benchmark, split and kind. CIDEr goes by how common words are in
            their references: a part of a benchmark scored alone has its own scale.
        predictions: Answers to some or all of them.
        scene: Gives a scan by its id, in WORLD; asked where boxes or masks are scored.
        protocol: Rules of scoring (`protocols.protocol_names` lists those of a benchmark); with
            `strict`, what was not answered is wrong.
        tools: What may be run to score texts; METEOR only where it is asked for.
        class_of: NYU40 class of a raw ScanNet label (`protocols.groups.read_label_map`), for
            ScanRefer's `unique` and `multiple`.
        labels: Which queries need a direction, by id, in the place of annotations and words.

    Raises:
        DataError: A query is answered twice, an answer fits no query, or a query has no answer,
            where the protocol refuses that; labels are given and a query has none; there is no
            query, queries are of several benchmarks, or a scan lacks the boxes or masks that are
            needed.
        ConfigError: The benchmark has no such protocol.
    """
    first = _only_benchmark(queries)
    rules = find_protocol(first.benchmark, first.kind, protocol)
    joined = rules.join(queries, list(predictions))
    material = Material(scene=scene, tools=tools or TextTools(), class_of=class_of)
    found = rules.apply(joined.items, material)
    answers = [answer for _, answer in joined.items if answer is not None]
    poses = [answer.pose for answer in answers]
    return BenchmarkResult(
        benchmark=first.benchmark,
        split=first.split,
        keys=tuple(query.query_id for query in queries),
        scene_ids=tuple(query.scene_id for query in queries),
        scores={metric: tuple(values) for metric, values in found.scores.items()},
        statistics={f: tuple(map(tuple, rows)) for f, rows in found.statistics.items()},
        subsets=direction_subsets(queries, labels) | benchmark_groups(queries, class_of),
        n_predicted=len(poses),
        n_duplicate=joined.n_duplicate,
        n_unknown=joined.n_unknown,
        pose_counts=count_poses(poses),
        fallback_reasons=count_fallbacks(poses),
        protocol=rules.name,
        protocol_version=rules.version,
        tokenizer=found.tokenizer,
        remarks={
            **found.remarks,
            **_remarks(queries, found.scores, class_of),
            **_missing_inputs(answers),
            **({} if labels is None else {"direction_critical": "by labels that were given"}),
        },
        queries_digest=queries_digest(queries),
        packages=_versions(),
    )


def queries_digest(queries: Iterable[Query]) -> str:
    """The sha256 of all that scoring reads of the annotations."""
    total = hashlib.sha256()
    for q in queries:
        fields = (q.query_id, q.scene_id, q.text, q.situation, q.target_ids, q.references)
        total.update(json.dumps([*fields, sorted(q.extra.items())]).encode())
    return total.hexdigest()


def _remarks(
    queries: Sequence[Query], metrics: Iterable[str], class_of: Mapping[str, str] | None
) -> dict[str, str]:
    remarks = {}
    if any(metric.startswith("cider") for metric in metrics):
        remarks["cider"] = "by the word statistics of all scored queries, in subsets too"
    rule = direction_rule(queries)
    if rule != ANNOTATED:
        remarks["direction_critical"] = f"by the rule {rule!r} on the words of query and references"
    if queries[0].benchmark == "scanrefer" and class_of is None:
        remarks["unique, multiple"] = "not computed: wanted scannetv2-labels.combined.tsv"
    return remarks


def _missing_inputs(answers: Sequence[Prediction]) -> dict[str, str]:
    """What models did without, over all answers."""
    total: Counter[str] = Counter()
    for answer in answers:
        total.update(answer.missing_inputs)
    lacking = [f"{n} {name}" for name, n in sorted(total.items()) if n]
    if not lacking:
        return {}
    return {"missing inputs": f"{', '.join(lacking)} (all {len(answers)} answers together)"}


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _only_benchmark(queries: Sequence[Query]) -> Query:
    found = {(query.benchmark, query.split, query.kind.value) for query in queries}
    if len(found) != 1:
        raise DataError(
            "score: wanted queries of one benchmark, split and kind, found "
            f"{sorted(found) or 'none'}"
        )
    return queries[0]
