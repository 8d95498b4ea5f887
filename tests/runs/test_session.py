from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from posealign_core.errors import DataError, PoseAlignError
from posealign_core.runs.folder import RunFolder, file_digest
from posealign_core.runs.session import Session
from posealign_core.structures.record import CodeVersion, RunRecord, StageRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from posealign_core.structures.record import Status


def record() -> RunRecord:
    return RunRecord(
        run_id="r-12345678",
        command="posealign run",
        config={"seed": 3, "align": {"modes": ["transform"]}},
        config_digest="12345678",
        backbone_config={"width": 1.5},
        code=CodeVersion(version="0", commit="abc", dirty=True),
        environment={"python": "3"},
        plugins={"rooms": "posealign 0"},
        seed=3,
        stages={"train": StageRecord(status="finished", seconds=1.25, inputs={"a": "b"})},
        created="2026-01-01T00:00:00+00:00",
    )


class Job:
    """A stage that writes a file and counts how often it was done, and whether it resumed."""

    def __init__(self, path: Path, *, error: BaseException | None = None) -> None:
        self.path = path
        self.error = error
        self.calls: list[bool] = []

    def __call__(self, *, resume: bool) -> Iterable[Path]:
        self.calls.append(resume)
        if self.error is not None:
            raise self.error
        self.path.write_text("result", encoding="utf-8")
        return [self.path]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(RunFolder(tmp_path), record())


def status(session: Session, name: str = "stage") -> Status:
    on_disk = session.folder.read_record()
    assert on_disk is not None
    assert on_disk == session.record
    return on_disk.stages[name].status


def test_record_survives_the_disk(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "new")
    assert folder.read_record() is None
    folder.write_record(record())
    assert folder.read_record() == record()


def test_finished_stage_is_skipped(session: Session, tmp_path: Path) -> None:
    job = Job(tmp_path / "out")
    assert session.run("stage", {"x": "1"}, job)
    assert status(session) == "finished"
    assert session.record.stages["stage"].outputs == {"out": file_digest(tmp_path / "out")}
    again = Session(session.folder, session.record)
    assert not again.run("stage", {"x": "1"}, job)
    assert job.calls == [True]


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_stage_with_lost_output_is_done_anew(session: Session, tmp_path: Path, damage: str) -> None:
    job = Job(tmp_path / "out")
    session.run("stage", {"x": "1"}, job)
    if damage == "removed":
        job.path.unlink()
    else:
        job.path.write_text("other", encoding="utf-8")
    assert session.run("stage", {"x": "1"}, job)
    assert job.calls == [True, False]


def test_other_inputs_start_the_stage_anew(session: Session, tmp_path: Path) -> None:
    job = Job(tmp_path / "out")
    session.run("stage", {"x": "1"}, job)
    assert session.run("stage", {"x": "2"}, job)
    assert job.calls == [True, False]


@pytest.mark.parametrize(
    ("error", "left"), [(KeyboardInterrupt(), "interrupted"), (ValueError("no"), "failed")]
)
def test_unfinished_stage_is_recorded_and_resumed(
    session: Session, tmp_path: Path, error: BaseException, left: Status
) -> None:
    with pytest.raises(type(error)):
        session.run("stage", {"x": "1"}, Job(tmp_path / "out", error=error))
    assert status(session) == left
    assert session.record.status == left
    assert ("no" in session.record.stages["stage"].error) == (left == "failed")
    job = Job(tmp_path / "out")
    assert session.run("stage", {"x": "1"}, job)
    assert job.calls == [True]
    assert session.record.status == "finished"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}']
)
def test_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    folder = RunFolder(tmp_path)
    folder.record_path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"run\.json"):
        folder.read_record()


def test_unknown_field_of_a_record_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_record(record())
    plain = json.loads(folder.record_path.read_text(encoding="utf-8"))
    folder.record_path.write_text(json.dumps({**plain, "more": 1}), encoding="utf-8")
    with pytest.raises(DataError, match="more = 1: no such key"):
        folder.read_record()


def test_only_the_first_process_of_a_run_writes(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert session.run("stage", {"x": "1"}, Job(tmp_path / "out"))
    assert session.folder.read_record() is None
    monkeypatch.setenv("RANK", "0")
    assert session.run("stage", {"x": "2"}, Job(tmp_path / "out"))
    assert session.folder.read_record() == session.record


def test_unwritable_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder = RunFolder(tmp_path / "file" / "run")
    with pytest.raises(PoseAlignError, match=r"cannot write .* choose another output folder"):
        folder.write_record(record())
