"""Counts on the published annotation files; `POSEALIGN_ANNOTATIONS` names the folder with them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from posealign_core.benchmarks.scanqa import ScanQA
from posealign_core.benchmarks.sqa3d import SQA3D
from posealign_core.evaluation.metrics import answer_scores
from posealign_core.evaluation.subsets import split_by_rule

if TYPE_CHECKING:
    from posealign_core.structures import Query

FOLDER = os.environ.get("POSEALIGN_ANNOTATIONS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="needs POSEALIGN_ANNOTATIONS")


@cache
def queries(benchmark: str) -> list[Query]:
    if benchmark == "scanqa":
        return ScanQA(Path(FOLDER)).queries("val")
    return SQA3D(Path(FOLDER)).queries("test")


@pytest.mark.parametrize(
    ("rule", "n_scanqa", "n_sqa3d"),
    [
        ("r3d_words", 2172, 3393),
        ("lr_words", 1626, 2520),
        ("lr_plus_words", 1638, 2525),
        ("five_words", 2049, 2985),
        ("five_plus_words", 2142, 3252),
        ("lr_substring", 871, 1104),
    ],
)
def test_sizes_of_direction_critical_subsets(rule: str, n_scanqa: int, n_sqa3d: int) -> None:
    found = [len(split_by_rule(queries(name), rule)[0]) for name in ("scanqa", "sqa3d")]
    assert found == [n_scanqa, n_sqa3d]


@pytest.mark.parametrize(
    ("benchmark", "constant", "metric", "percent"),
    [
        ("scanqa", "e", "em", 0.0),
        ("scanqa", "e", "em_r", 83.5),
        ("sqa3d", "e", "em", 0.0),
        ("sqa3d", "e", "em_r", 54.5),
        ("sqa3d", "yes", "em", 10.94),
    ],
)
def test_constant_answers(benchmark: str, constant: str, metric: str, percent: float) -> None:
    scores = [answer_scores(constant, q.references)[metric] for q in queries(benchmark)]
    assert 100 * sum(scores) / len(scores) == pytest.approx(percent, abs=0.05)
