from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from posealign_core.errors import BusyError, ExitCode
from posealign_core.runs.lock import FolderLock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from posealign_core.runs.lock import FolderLock
with FolderLock(Path(sys.argv[1])).hold():
    print("held", flush=True)
    time.sleep(60)
"""


def test_other_process_keeps_the_folder_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=rf"found process {other.pid} on .* at work") as caught:
            FolderLock(path).hold().__enter__()
        assert caught.value.exit_code == ExitCode.BUSY
        other.kill()
        other.wait()
        with FolderLock(path).hold() as is_new:
            assert is_new


def test_one_process_may_hold_it_several_times_over(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / ".lock")
    with lock.hold() as first, lock.hold() as second:
        assert (first, second) == (True, False)
    with FolderLock(tmp_path / ".lock").hold() as free:
        assert free
