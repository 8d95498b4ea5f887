"""What is written down about a run, so that it can be audited, resumed and repeated."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMA_VERSION", "CodeVersion", "RunRecord", "StageRecord", "Status"]

SCHEMA_VERSION = 1
Status = Literal["running", "finished", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class CodeVersion:
    """Which code ran.

    Attributes:
        version: Version of posealign.
        commit: Git commit of the source tree, or `""` outside one.
        dirty: Whether the tree differed from that commit.
    """

    version: str
    commit: str = ""
    dirty: bool = False


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One stage of a run.

    Attributes:
        status: How far it came.
        inputs: sha256 of everything that it depends on, by name.
        outputs: sha256 of every file that it wrote, by path within the run folder.
        started: UTC time of its start, ISO 8601.
        seconds: How long it took, over all attempts that finished work.
        error: Why it failed, or `""`.
        peak_memory_gib: The most memory that the last attempt held: of the GPU where one was in
            use, else of the process up to then; 0 where it was not measured.
    """

    status: Status
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0
    error: str = ""
    peak_memory_gib: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of `run.json`.

    Attributes:
        schema_version: Version of this layout.
        run_id: Name of the run folder.
        command: Command line that made it.
        config: The resolved configuration.
        config_digest: Its hash.
        backbone_config: The backbone's resolved configuration.
        code: Which code ran.
        environment: Versions of Python and packages, platform and device, by name.
        plugins: Installed plugins: name to `"distribution version"`.
        seed: The run's seed.
        stages: The stages so far, by name, in order.
        created: UTC time of the first start, ISO 8601.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    command: str
    config: Mapping[str, object]
    config_digest: str
    backbone_config: Mapping[str, object]
    code: CodeVersion
    environment: Mapping[str, str]
    plugins: Mapping[str, str]
    seed: int
    stages: Mapping[str, StageRecord] = field(default_factory=dict)
    created: str

    @property
    def status(self) -> Status:
        """Status of the last stage that is not finished, else `"finished"`."""
        open_stages = [s.status for s in self.stages.values() if s.status != "finished"]
        return open_stages[-1] if open_stages else "finished"

    def with_stage(self, name: str, stage: StageRecord) -> RunRecord:
        """The record with one stage replaced or added."""
        return replace(self, stages={**self.stages, name: stage})
