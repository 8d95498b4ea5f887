"""What a judge is asked about: one answer beside its references (judge spec 6.1)."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posealign_core.errors import DataError
from posealign_core.judge.digest import digest
from posealign_core.judge.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["JudgeRequest", "read_requests", "requests_text"]


@dataclass(frozen=True, kw_only=True)
class JudgeRequest:
    """One answer to grade, or one question to label.

    Attributes:
        benchmark: Name of the benchmark.
        split: Its split.
        key: Id of the query, always text (numbers in a file become text).
        scene_id: The scan; questions about one scan are not independent.
        question: The question, or None for a caption.
        situation: Where the asker stands, in words, or `""`.
        references: Accepted answers, or reference captions.
        prediction: The answer to grade; None where there is none.
    """

    benchmark: str
    split: str
    key: str
    scene_id: str
    question: str | None
    situation: str = ""
    references: tuple[str, ...]
    prediction: str | None

    @property
    def prediction_sha(self) -> str:
        """Hash of the answer, to see whether two files hold the same one."""
        return digest(self.prediction)

    def to_record(self) -> dict[str, Any]:
        """Plain values."""
        return {**dataclasses.asdict(self), "prediction_sha": self.prediction_sha}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> JudgeRequest:
        """Rebuild a request.

        Raises:
            DataError: A field is missing or has another type.
        """
        try:
            request = cls(
                benchmark=record["benchmark"],
                split=record["split"],
                key=str(record["key"]),
                scene_id=record["scene_id"],
                question=record["question"],
                situation=record.get("situation", ""),
                references=tuple(record["references"]),
                prediction=record["prediction"],
            )
        except (KeyError, TypeError) as error:
            raise DataError(f"judge request: wanted its fields, found {error}") from error
        request._check()
        return request

    def _check(self) -> None:
        texts = [self.benchmark, self.split, self.scene_id, self.situation, *self.references]
        optional = [text for text in (self.question, self.prediction) if text is not None]
        if not all(isinstance(text, str) for text in (*texts, *optional)):
            raise DataError(f"judge request {self.key!r}: wanted text in every field")


def read_requests(path: Path) -> list[JudgeRequest]:
    """Read a file of requests.

    Raises:
        DataError: The file is missing or damaged, or asks about the same key twice.
    """
    requests = [JudgeRequest.from_record(record) for record in read_lines(path)]
    seen: set[str] = set()
    for request in requests:
        if request.key in seen:
            raise DataError(f"{path}: key {request.key!r} is there twice; keys must be distinct")
        seen.add(request.key)
    return requests


def requests_text(requests: Iterable[JudgeRequest]) -> str:
    """The content of a file of requests."""
    return "".join(json.dumps(request.to_record()) + "\n" for request in requests)
