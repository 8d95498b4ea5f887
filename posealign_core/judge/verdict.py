"""What a judge decided, with all that is needed to check it (judge spec 6.1)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from posealign_core.errors import DataError
from posealign_core.judge.lines import read_lines
from posealign_core.judge.sampling import LabelOrder, Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["JudgeIdentity", "Status", "Verdict", "read_verdicts"]


class Status(str, Enum):
    """What came of a request."""

    CORRECT = "correct"
    """The first of the rubric's two grades; for a labelling rubric, that the label applies."""
    INCORRECT = "incorrect"
    INVALID = "invalid"
    """The judge answered, but not with a verdict."""
    ERROR = "error"
    """The judge could not be reached, or refused the request."""
    MISSING = "missing"
    """There is no answer to grade; the judge was not asked."""


@dataclass(frozen=True, kw_only=True)
class JudgeIdentity:
    """Who judged.

    Attributes:
        engine: Registered name of the engine.
        model: What was asked for.
        resolved: The exact model, revision or server-side name that this meant.
        packages: Versions of the packages that decide.
        structured: Whether the server was made to reply in a schema.
        uses_llm: False for rules.
    """

    engine: str
    model: str
    resolved: str
    packages: Mapping[str, str] = dataclasses.field(default_factory=dict)
    structured: bool = False
    uses_llm: bool = True


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One draw of a verdict on one request. Equal settings and replies give equal records.

    Times, retries and costs differ from run to run and are in the call log instead.

    Attributes:
        benchmark: The request's; likewise the next three.
        split: See there.
        key: See there.
        scene_id: See there.
        prediction_sha: Hash of the answer that was graded.
        rubric: Name and version of the rubric.
        rubric_sha: Hash of its text.
        request_sha: Hash of everything that reached the model.
        draw: Which of the k draws, from 0.
        status: What came of it.
        p_correct: Probability of the first grade among the two, where the engine tells.
        raw_text: The reply, as it came.
        analysis_text: The reasoning before it, where the engine shows it.
        finish_reason: Why the reply ended, in the engine's word.
        detail: Why there is no verdict; and what was done to the request to fit it in.
        attempts: Replies to this draw that were no verdict, before the one above.
        judge: Who judged.
        sampling: How it was sampled.
        label_order: Which of the letters meant "correct".
        tokens_in: Prompt tokens of the reply above.
        tokens_out: Its generated tokens.
        tokens_reasoning: How many of these were reasoning.
    """

    benchmark: str
    split: str
    key: str
    scene_id: str
    prediction_sha: str
    rubric: str
    rubric_sha: str
    request_sha: str
    draw: int
    status: Status
    p_correct: float | None = None
    raw_text: str = ""
    analysis_text: str = ""
    finish_reason: str = ""
    detail: str = ""
    attempts: tuple[str, ...] = ()
    judge: JudgeIdentity
    sampling: Sampling
    label_order: LabelOrder
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_reasoning: int = 0

    def to_record(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Verdict:
        """Rebuild a verdict.

        Raises:
            DataError: A field is missing, unknown or has another form.
        """
        try:
            return cls(
                **{
                    **record,
                    "status": Status(record["status"]),
                    "attempts": tuple(record["attempts"]),
                    "judge": JudgeIdentity(**record["judge"]),
                    "sampling": Sampling(**record["sampling"]),
                    "label_order": LabelOrder(record["label_order"]),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"verdict {record.get('key')!r}: wanted the fields of a verdict: {error}"
            ) from error


def read_verdicts(path: Path, *, newest_wins: bool = False) -> list[Verdict]:
    """Read a verdict file.

    Args:
        path: The file.
        newest_wins: Take the last record of a draw that is there twice, as in the file of an
            unfinished run, where a draw that ended in an error was asked again.

    Raises:
        DataError: The file is missing or damaged, or holds a draw twice.
    """
    verdicts = [Verdict.from_record(record) for record in read_lines(path)]
    newest = {(verdict.key, verdict.draw): verdict for verdict in verdicts}
    if len(newest) < len(verdicts) and not newest_wins:
        raise DataError(f"{path}: holds {len(verdicts) - len(newest)} draws twice")
    return list(newest.values())
