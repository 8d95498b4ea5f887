"""What can be configured about judging."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError
from posealign_core.judge.settings import JudgeSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["JudgeConfig"]

NO_JUDGE = "none"


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """Who grades free-form answers and captions, after scoring.

    Attributes:
        engine: A registered judge: `posealign list judges`; `none` for no judging. `lexical` goes
            by rules on words, and its figures are labelled as no LLM's.
        parameters: What the engine takes: `{model: gpt-oss-20b, base_url: ...}`.
        rubric: A built-in rubric; the benchmark's newest where not set.
        rubric_file: A rubric of your own, instead.
        settings: How the judge is sampled, how often, and how hard it is pressed.
        cache: SQLite file of replies, shared between runs, if any.

    Raises:
        ConfigError: Two rubrics are given.
    """

    engine: str = "lexical"
    parameters: Mapping[str, object] = field(default_factory=dict)
    rubric: str | None = None
    rubric_file: Path | None = None
    settings: JudgeSettings = field(default_factory=JudgeSettings)
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.rubric is not None and self.rubric_file is not None:
            raise ConfigError(["rubric_file: wanted one rubric, found rubric too"], source="judge")

    @property
    def judges(self) -> bool:
        """Whether anything is judged."""
        return self.engine != NO_JUDGE
