"""Scores of answers, one file per family of metrics; all but CIDEr lie in [0, 1]."""

from __future__ import annotations

from posealign_core.evaluation.metrics.answers import (
    answer_scores,
    match_scores,
    normalize_answer,
)
from posealign_core.evaluation.metrics.boxes import accuracy_scores, f1_scores, generalized_iou
from posealign_core.evaluation.metrics.masks import mask_scores, union_of_masks
from posealign_core.evaluation.metrics.selection import selection_scores
from posealign_core.evaluation.metrics.texts import TextScores, TextTools, text_scores

__all__ = [
    "TextScores",
    "TextTools",
    "accuracy_scores",
    "answer_scores",
    "f1_scores",
    "generalized_iou",
    "mask_scores",
    "match_scores",
    "normalize_answer",
    "selection_scores",
    "text_scores",
    "union_of_masks",
]
