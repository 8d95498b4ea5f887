"""METEOR 1.5: its statistics from the jar, its score from them (benchmarks spec 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.evaluation.metrics.java import JavaError, one_line, run_jar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["meteor_of_sums", "meteor_statistics"]

_JAR = "meteor/meteor-1.5.jar"
_ARGUMENTS = ("-jar", "{jar}", "-", "-", "-stdio", "-l", "en", "-norm")
_N_STATISTICS = 23
# The English parameters of METEOR 1.5, and the weights of exact, stem, synonym and paraphrase.
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_STAGE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])


def meteor_statistics(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], timeout_s: float
) -> NDArray[np.float64]:
    """What METEOR adds up, for each item.

    Args:
        hypotheses: n tokenised texts.
        references: One or more for each.
        timeout_s: How long METEOR may take for all.

    Returns:
        (n, 23): lengths of hypothesis and reference, function words of both; for each stage the
        matched content words of both and function words of both; chunks; matches of both.

    Raises:
        JavaError: METEOR cannot be run, or answers what it should not.
    """
    lines = [_line(h, r) for h, r in zip(hypotheses, references, strict=True)]
    distinct = list(dict.fromkeys(lines))
    if not distinct:
        return np.zeros((0, _N_STATISTICS))
    answers = run_jar(_JAR, _ARGUMENTS, distinct, timeout_s)
    try:
        rows = np.array([line.split() for line in answers], dtype=np.float64)
        rows = rows.reshape(len(distinct), _N_STATISTICS)
    except ValueError as error:
        raise JavaError(f"METEOR: wanted {_N_STATISTICS} numbers a line: {error}") from error
    # A hypothesis that is wholly matched in one piece is not broken at all.
    whole = (rows[:, 20] == 1) & (rows[:, 21] == rows[:, 0]) & (rows[:, 22] == rows[:, 1])
    rows[whole, 20] = 0
    place = {line: i for i, line in enumerate(distinct)}
    return rows[[place[line] for line in lines]]


def meteor_of_sums(sums: ArrayLike) -> NDArray[np.float64]:
    """METEOR of one item or of many.

    Args:
        sums: (..., 23) statistics, added up over the items.
    """
    s = np.asarray(sums, dtype=np.float64)
    stages = s[..., 4:20].reshape(*s.shape[:-1], 4, 4)
    matched = (_STAGE_WEIGHTS[:, None] * stages).sum(axis=-2)
    precision, recall = (
        _ratio(_weighted(matched[..., i], matched[..., i + 2]), _weighted(content, function))
        for i, content, function in (
            (0, s[..., 0] - s[..., 2], s[..., 2]),
            (1, s[..., 1] - s[..., 3], s[..., 3]),
        )
    )
    mean = _ratio(precision * recall, _ALPHA * precision + (1 - _ALPHA) * recall)
    breaks = _ratio(s[..., 20], (s[..., 21] + s[..., 22]) / 2)
    return mean * (1 - _GAMMA * breaks**_BETA)


def _weighted(content: NDArray[np.float64], function: NDArray[np.float64]) -> NDArray[np.float64]:
    return _DELTA * content + (1 - _DELTA) * function


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(a.shape), where=b > 0)


def _line(hypothesis: str, references: Sequence[str]) -> str:
    texts = [" ".join(one_line(t).replace("|||", " ").split()) for t in (*references, hypothesis)]
    return " ||| ".join(["SCORE", *texts])
