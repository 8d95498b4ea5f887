"""Evaluation: predictions on disk, scores by question, intervals and paired comparisons.

The evaluator needs torch and is imported when it is used; scoring does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posealign_core.evaluation.draws import paired_difference
    from posealign_core.evaluation.evaluator import Evaluator, PredictOutcome
    from posealign_core.evaluation.metrics.texts import TextTools
    from posealign_core.evaluation.parts import Shard, merge_parts
    from posealign_core.evaluation.protocols import protocol_names
    from posealign_core.evaluation.records import read_predictions
    from posealign_core.evaluation.result import (
        BenchmarkResult,
        load_result,
        require_one_protocol,
        save_result,
    )
    from posealign_core.evaluation.score import score_predictions
    from posealign_core.evaluation.statistics import Estimate, PairedDifference

__all__ = [
    "BenchmarkResult",
    "Estimate",
    "Evaluator",
    "PairedDifference",
    "PredictOutcome",
    "Shard",
    "TextTools",
    "load_result",
    "merge_parts",
    "paired_difference",
    "protocol_names",
    "read_predictions",
    "require_one_protocol",
    "save_result",
    "score_predictions",
]

_HOME = {
    "BenchmarkResult": "result",
    "Estimate": "statistics",
    "Evaluator": "evaluator",
    "PairedDifference": "statistics",
    "PredictOutcome": "evaluator",
    "Shard": "parts",
    "TextTools": "metrics.texts",
    "load_result": "result",
    "merge_parts": "parts",
    "paired_difference": "draws",
    "protocol_names": "protocols",
    "read_predictions": "records",
    "require_one_protocol": "result",
    "save_result": "result",
    "score_predictions": "score",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
