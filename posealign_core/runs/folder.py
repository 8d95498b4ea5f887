"""The folder of one run, and its record on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from posealign_core.atomic import write_text
from posealign_core.config.convert import Converter, to_plain
from posealign_core.errors import ConfigError, DataError
from posealign_core.structures.record import SCHEMA_VERSION, RunRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RunFolder", "combined_digest", "file_digest"]


@dataclass(frozen=True)
class RunFolder:
    """Paths within `runs/<name>-<digest8>/`, and its `run.json`.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def record_path(self) -> Path:
        """`run.json`."""
        return self.path / "run.json"

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def train_log(self) -> Path:
        """One JSON object per logged training step."""
        return self.path / "train.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    def predictions(self, benchmark: str) -> Path:
        """Answers to one benchmark, one JSON object a line."""
        return self.path / "predictions" / f"{benchmark}.jsonl"

    def results(self, benchmark: str) -> Path:
        """Scores of one benchmark."""
        return self.path / "results" / f"{benchmark}.json"

    def verdicts(self, benchmark: str) -> Path:
        """The judge's verdicts on one benchmark's answers, one JSON object a line."""
        return self.path / "judge" / f"{benchmark}.jsonl"

    def judgement(self, benchmark: str) -> Path:
        """What they come to."""
        return self.path / "judge" / f"{benchmark}.json"

    def probe(self, name: str) -> Path:
        """What a probe found; its answers are in the folder of the same name."""
        return self.path / "probes" / f"{name}.json"

    @property
    def lock_path(self) -> Path:
        """File that the process which works on the run holds locked."""
        return self.path / ".lock"

    def read_record(self) -> RunRecord | None:
        """The record, or None where the run has not begun.

        Raises:
            DataError: The file is damaged or of another schema version.
        """
        if not self.record_path.exists():
            return None
        try:
            plain = json.loads(self.record_path.read_text(encoding="utf-8"))
            version = plain.get("schema_version")
            if version != SCHEMA_VERSION:
                raise DataError(
                    f"{self.record_path}: wanted schema version {SCHEMA_VERSION}, found "
                    f"{version!r}; start the run anew in another folder"
                )
            return Converter().build(RunRecord, plain, source=str(self.record_path))
        except (ValueError, AttributeError, ConfigError) as error:
            raise DataError(
                f"{self.record_path}: is not a run record: {error}; remove it to start anew"
            ) from error

    def write_record(self, record: RunRecord) -> None:
        """Replace `run.json` in one step."""
        write_text(self.record_path, json.dumps(to_plain(record), indent=2) + "\n")

    def write_config(self, record: RunRecord) -> None:
        """Write the resolved configuration as YAML, ready for `--config`."""
        write_text(self.config_path, yaml.safe_dump(to_plain(record.config), sort_keys=False))


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def combined_digest(digests: Mapping[str, str]) -> str:
    """sha256 of several digests and their names, in any order."""
    lines = (f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
