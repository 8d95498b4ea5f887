"""Scores of single answers, one file per family of metrics; every score lies in [0, 1]."""

from __future__ import annotations

from posealign_core.evaluation.metrics.answers import answer_scores, normalize_answer
from posealign_core.evaluation.metrics.boxes import accuracy_scores, f1_scores
from posealign_core.evaluation.metrics.selection import selection_scores

__all__ = [
    "accuracy_scores",
    "answer_scores",
    "f1_scores",
    "normalize_answer",
    "selection_scores",
]
