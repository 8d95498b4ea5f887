"""What a judge made of a run's answers to one benchmark, as the run's folder keeps it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.errors import DataError
from posealign_core.judge.accuracy import draws_by_key, majority
from posealign_core.judge.report import verdict_report
from posealign_core.judge.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from posealign_core.judge.settings import Price
    from posealign_core.judge.verdict import Verdict

__all__ = ["Judgement", "load_judgement", "require_one_judge", "save_judgement"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Majorities of verdicts, by question.

    Attributes:
        benchmark: The benchmark.
        split: Its split.
        judge: Who judged, exactly.
        uses_llm: False for rules on words, whose figure is no judge accuracy.
        rubric: Name and version of the rubric.
        rubric_sha: Hash of its text.
        n_draws: Verdicts per answer.
        statuses: What came of each question, by its id.
        parts: Accuracy with all its denominators, by subset (`judge.report.verdict_report`).
        tokens_in: Prompt tokens of all verdicts.
        tokens_out: Generated tokens of all verdicts.
        cost: Their price; None where no price was given.
        schema_version: Version of this record.
    """

    benchmark: str
    split: str
    judge: str
    uses_llm: bool
    rubric: str
    rubric_sha: str
    n_draws: int
    statuses: Mapping[str, Status]
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(
        cls,
        verdicts: Sequence[Verdict],
        labels: Mapping[str, bool | None],
        *,
        price: Price | None = None,
    ) -> Judgement:
        """Sum up the verdicts on all questions of a benchmark.

        Args:
            verdicts: All of them; what has no answer is there as missing.
            labels: Direction-critical labels by question, None where nothing is known.
            price: What tokens cost, where known.

        Raises:
            DataError: There is no verdict, or a question has no label.
        """
        report = verdict_report(verdicts, labels=labels)
        first = verdicts[0]
        tokens_in = sum(verdict.tokens_in for verdict in verdicts)
        tokens_out = sum(verdict.tokens_out for verdict in verdicts)
        cost = None if price is None else price.cost(tokens_in=tokens_in, tokens_out=tokens_out)
        draws = draws_by_key(verdicts)
        return cls(
            benchmark=first.benchmark,
            split=first.split,
            judge=first.judge.resolved,
            uses_llm=first.judge.uses_llm,
            rubric=first.rubric,
            rubric_sha=first.rubric_sha,
            n_draws=max(map(len, draws.values())),
            statuses={key: majority(statuses) for key, statuses in draws.items()},
            parts={name: part for name, part in report["parts"].items() if part["n"]},
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=cost,
        )

    @property
    def metric(self) -> str:
        """What its accuracy is called: only a language model's is a judge's."""
        return "judge" if self.uses_llm else "word_rules"

    def scores(self, keys: Iterable[str]) -> dict[str, tuple[float | None, ...]]:
        """Scores of questions, by metric: of all answers, and of those with a verdict.

        Raises:
            DataError: A question was not judged.
        """
        try:
            statuses = [self.statuses[key] for key in keys]
        except KeyError as error:
            raise DataError(
                f"{self.benchmark}: wanted a verdict on every question, found none on {error}; "
                "run 'posealign run' on the run again"
            ) from error
        strict = tuple(float(status is Status.CORRECT) for status in statuses)
        decided = {Status.CORRECT, Status.INCORRECT}
        pairs = zip(statuses, strict, strict=True)
        parsed = tuple(score if status in decided else None for status, score in pairs)
        return {self.metric: strict, f"{self.metric}_parsed": parsed}


def require_one_judge(judgements: Iterable[Judgement]) -> None:
    """Refuse to put figures of different judges side by side.

    Raises:
        DataError: Two judgements on one benchmark differ in judge, rubric or number of draws.
    """
    seen: dict[tuple[str, str], Judgement] = {}
    for one in judgements:
        first = seen.setdefault((one.benchmark, one.metric), one)
        if _rules(first) != _rules(one):
            raise DataError(
                f"{one.benchmark}: wanted verdicts of one judge, found {_described(first)} and "
                f"{_described(one)}; remove the folder 'judge' of the runs that were judged "
                "otherwise, and run them again"
            )


def _rules(one: Judgement) -> tuple[str, str, int]:
    return one.judge, one.rubric_sha, one.n_draws


def _described(one: Judgement) -> str:
    return f"{one.judge!r} with {one.rubric} ({one.rubric_sha[:8]}), {one.n_draws} draw(s)"


def save_judgement(path: Path, judgement: Judgement) -> None:
    """Write a judgement as JSON."""
    write_text(path, json.dumps(dataclasses.asdict(judgement)) + "\n")


def load_judgement(path: Path) -> Judgement:
    """Read a judgement.

    Raises:
        DataError: The file is missing, damaged or of another schema version.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values["schema_version"] != SCHEMA_VERSION:
            raise DataError(
                f"{path}: wanted schema version {SCHEMA_VERSION}, found "
                f"{values['schema_version']!r}; judge again with 'posealign run'"
            )
        values["statuses"] = {key: Status(text) for key, text in values["statuses"].items()}
        return Judgement(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is no judgement ({error}); judge again") from error
