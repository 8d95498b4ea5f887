"""Many scans: resumable, parallel, whatever happens to one of them or to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from recover_scans import write_folder

from posealign_core.datasets.generic import Generic
from posealign_core.errors import DataError, PoseAlignError, PoseAlignWarning
from posealign_core.recover import RecoverSettings, load_table, recover_dataset, table_path

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS = RecoverSettings(every=1, engine="numpy")
SCANS = ["a", "b", "c"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "scans", SCANS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "tables"


def recover(root: Path, out: Path, scene_ids: Sequence[str] = SCANS, **more: Any) -> list[Any]:
    more = {"settings": SETTINGS, "jobs": 1, "progress": False, **more}
    return recover_dataset(Generic(root), scene_ids, more.pop("settings"), out, **more)


def actions(outcomes: list[Any]) -> list[str]:
    return [outcome.result.action if outcome.result else "failed" for outcome in outcomes]


def contents(out: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in out.iterdir()}


def test_finished_scans_are_kept(root: Path, out: Path) -> None:
    first = recover(root, out)
    made = contents(out)
    assert actions(first) == ["made"] * 3
    assert actions(recover(root, out)) == ["kept"] * 3
    assert contents(out) == made
    assert first[0].result.n_objects == 5
    assert first[0].result.share_seen == 1.0
    assert first[0].result.path == table_path(out, "a")


def test_a_scan_is_made_again_when_its_inputs_change(root: Path, out: Path) -> None:
    recover(root, out)
    poses = np.load(root / "b" / "poses.npy")
    np.save(root / "b" / "poses.npy", poses[:-1])
    assert actions(recover(root, out)) == ["kept", "made again", "kept"]
    assert len(load_table(table_path(out, "b")).trajectory) == 7


def test_all_are_made_again_when_the_rule_changes(root: Path, out: Path) -> None:
    recover(root, out)
    released = RecoverSettings(every=1, engine="numpy", rule="released")
    assert actions(recover(root, out, settings=released)) == ["made again"] * 3
    assert load_table(table_path(out, "a")).rule == "released"


def test_a_truncated_table_is_made_again_with_a_notice(root: Path, out: Path) -> None:
    recover(root, out)
    made = contents(out)
    path = table_path(out, "b")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(PoseAlignWarning, match="1 of 3 scans have notices; b: its table was dam"):
        outcomes = recover(root, out)
    assert actions(outcomes) == ["kept", "made again", "kept"]
    assert contents(out) == made


def test_a_published_table_is_not_overwritten(root: Path, out: Path) -> None:
    out.mkdir()
    path = table_path(out, "b")
    np.savez(
        path,
        cam_object_intersections=np.zeros((1, 1), np.float32),
        pose_files=np.array(["0.txt"]),
        valid_object_ids=np.array([0]),
    )
    published = path.read_bytes()
    outcomes = recover(root, out)
    assert actions(outcomes) == ["made", "failed", "made"]
    assert "published table, which is not overwritten; choose another" in outcomes[1].error
    assert path.read_bytes() == published


def test_a_failing_scan_does_not_stop_the_others(root: Path, out: Path) -> None:
    np.save(root / "a" / "poses.npy", np.full((4, 4, 4), np.nan))
    (root / "b" / "points.npz").write_bytes(b"PK")
    outcomes = recover(root, out)
    assert actions(outcomes) == ["failed", "failed", "made"]
    assert "none among 4 recorded frames" in outcomes[0].error
    assert [entry.name for entry in out.iterdir()] == [table_path(out, "c").name]


def test_processes_give_the_same_tables(root: Path, out: Path, tmp_path: Path) -> None:
    np.save(root / "c" / "poses.npy", np.full((4, 4, 4), np.nan))
    alone = recover(root, out)
    together = recover(root, tmp_path / "parallel", jobs=2, settings=RecoverSettings(every=1))
    assert actions(alone) == actions(together) == ["made", "made", "failed"]
    assert contents(out) == contents(tmp_path / "parallel")


def test_scenes_named_twice(root: Path, out: Path) -> None:
    with pytest.raises(DataError, match="wanted each once, found twice: a"):
        recover(root, out, ["a", "b", "a"])


def test_output_that_cannot_be_written(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PoseAlignError, match=r"cannot write .*choose another output folder"):
        recover(root, tmp_path / "file" / "tables")


def test_a_full_disk_fails_the_scan_and_leaves_no_half_file(
    root: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    outcomes = recover(root, out, ["a"])
    assert "No space left on device" in outcomes[0].error
    assert list(out.iterdir()) == []


def start(root: Path, out: Path, jobs: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "posealign_core.cli.main", "recover", "--root", str(root)]
    command += ["--output", str(out), "--every", "1", "--engine", "numpy", "--jobs", str(jobs)]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509 - no threads run here yet
    )


def heed_ctrl_c() -> None:
    """Undo what a shell does to jobs in the background, which would ignore the signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for_a_table(out: Path, names: list[str], process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 90
    while not any(table_path(out, name).exists() for name in names):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


@pytest.fixture
def many(tmp_path: Path) -> tuple[Path, list[str]]:
    names = [f"s{i:02d}" for i in range(24)]
    return write_folder(tmp_path / "many", names, n_points=100_000), names


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_run_again(many: tuple[Path, list[str]], out: Path, jobs: int) -> None:
    """SIGKILL in the middle: what is there is whole, the rest is made, no worker stays behind."""
    root, names = many
    process = start(root, out, jobs)
    wait_for_a_table(out, names, process)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    there = [name for name in names if table_path(out, name).exists()]
    assert 0 < len(there) < len(names)
    for name in there:
        load_table(table_path(out, name))
    assert jobs == 1 or workers
    wait_until_gone(workers)
    again = recover(root, out, names)
    assert actions(again) == ["kept" if name in there else "made" for name in names]
    assert {entry.name for entry in out.iterdir()} == {table_path(out, n).name for n in names}


def test_a_worker_that_is_killed(many: tuple[Path, list[str]], out: Path) -> None:
    """As the kernel does when memory runs out."""
    root, names = many
    process = start(root, out, 2)
    wait_for_a_table(out, names, process)
    worker = next(
        pid
        for pid in children(process.pid)
        if b"spawn_main" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "one of 2 worker processes died" in errors
    assert "Traceback" not in errors
    assert "kept" in actions(recover(root, out, names))


def test_ctrl_c_keeps_finished_work(many: tuple[Path, list[str]], out: Path) -> None:
    root, names = many
    process = start(root, out, 1)
    wait_for_a_table(out, names, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished work is kept" in errors
    assert "Traceback" not in errors
    assert all(entry.name.endswith("visibility.npz") for entry in out.iterdir())
    assert "kept" in actions(recover(root, out, names))


def children(pid: int) -> list[int]:
    """Processes that a process has started, from /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(entry.name))
    return found


def wait_until_gone(pids: list[int]) -> None:
    limit = time.monotonic() + 30
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < limit, pids
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
