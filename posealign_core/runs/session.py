"""One run in progress: which stages are done, and the record that says so."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from posealign_core.config.convert import to_plain
from posealign_core.errors import ConfigError
from posealign_core.runs.environment import code_version, environment, plugin_versions
from posealign_core.runs.folder import file_digest
from posealign_core.runs.lock import FolderLock
from posealign_core.runs.memory import peak_memory_gib, reset_peak_memory
from posealign_core.structures.record import RunRecord, StageRecord, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from posealign_core.config.load import ResolvedConfig
    from posealign_core.host import PluginHost
    from posealign_core.runs.folder import RunFolder

__all__ = ["Session", "Work", "open_session"]


class Work(Protocol):
    """What a stage does."""

    def __call__(self, *, resume: bool) -> Iterable[Path]:
        """Do it and return the files that it wrote."""


class Session:
    """Runs stages and keeps `run.json` up to date. Build it with `open_session`.

    Attributes:
        folder: The run's folder.
        record: What is known so far.
    """

    def __init__(self, folder: RunFolder, record: RunRecord) -> None:
        self.folder = folder
        self.record = record
        self._lock = FolderLock(folder.lock_path)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out of the run; what they did before is taken over.

        Raises:
            BusyError: Another process is working on the run.
        """
        if not _writes_records():
            yield
            return
        with self._lock.hold() as is_new:
            if is_new:
                self.record = self.folder.read_record() or self.record
            yield

    def run(self, name: str, inputs: Mapping[str, str], work: Work) -> bool:
        """Do a stage, unless it is finished and all of its inputs and outputs are as they were.

        Args:
            name: Name of the stage.
            inputs: Digests of everything that its result depends on, by name.
            work: Does the stage and returns the files that it wrote, within the run folder.
                `resume` says whether what it finds there comes from the same inputs.

        Returns:
            Whether it was done now.

        Raises:
            BusyError: Another process is working on the run.
        """
        with self.alone():
            return self._run(name, inputs, work)

    def _run(self, name: str, inputs: Mapping[str, str], work: Work) -> bool:
        before = self.record.stages.get(name)
        if before is not None and self._is_done(before, inputs):
            return False
        # A finished stage whose files have changed since is not to be trusted: start it anew.
        resume = before is None or (before.inputs == inputs and before.status != "finished")
        earlier = before.seconds if before is not None and resume else 0.0
        began, started = time.monotonic(), _now()

        def note(
            status: Status, *, outputs: Mapping[str, str] | None = None, error: str = ""
        ) -> None:
            stage = StageRecord(
                status=status,
                inputs=inputs,
                outputs=outputs or {},
                started=started,
                seconds=round(earlier + time.monotonic() - began, 3),
                error=error,
                peak_memory_gib=peak_memory_gib(),
            )
            self._save(name, stage)

        reset_peak_memory()
        note("running")
        try:
            outputs = {self._relative(path): file_digest(path) for path in work(resume=resume)}
        except KeyboardInterrupt:
            note("interrupted")
            raise
        except Exception as error:
            note("failed", error=f"{type(error).__name__}: {error}")
            raise
        note("finished", outputs=outputs)
        return True

    def _is_done(self, stage: StageRecord, inputs: Mapping[str, str]) -> bool:
        return (
            stage.status == "finished"
            and stage.inputs == inputs
            and all(
                (self.folder.path / name).is_file()
                and file_digest(self.folder.path / name) == digest
                for name, digest in stage.outputs.items()
            )
        )

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder.path).as_posix()

    def _save(self, name: str, stage: StageRecord) -> None:
        self.record = self.record.with_stage(name, stage)
        if _writes_records():
            self.folder.write_record(self.record)


def open_session(
    host: PluginHost, resolved: ResolvedConfig, folder: RunFolder, command: str
) -> Session:
    """Begin a run, or continue it.

    Raises:
        ConfigError: The folder holds a run with another configuration.
        DataError: Its record is damaged.
    """
    record = folder.read_record()
    if record is not None and record.config_digest != resolved.digest:
        fault = (
            f"wanted a run with digest {resolved.digest[:8]}, found {record.config_digest[:8]}; "
            "choose another output.name, or give the run's own folder with --run"
        )
        raise ConfigError([fault], source=str(folder.path))
    if record is None:
        record = RunRecord(
            run_id=folder.path.name,
            command=command,
            config=to_plain(resolved.config),
            config_digest=resolved.digest,
            backbone_config=to_plain(resolved.backbone),
            code=code_version(),
            environment=environment(),
            plugins=plugin_versions(host),
            seed=resolved.config.seed,
            created=_now(),
        )
        _write(folder, record)
    elif record.config != to_plain(resolved.config):
        # What does not decide the answers has changed: another judge, for example.
        record = dataclasses.replace(record, config=to_plain(resolved.config))
        _write(folder, record)
    return Session(folder, record)


def _write(folder: RunFolder, record: RunRecord) -> None:
    if _writes_records():
        folder.write_config(record)
        folder.write_record(record)


def _writes_records() -> bool:
    """Whether this is the only process of the run, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
