from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from posealign_core.progress import progress_bar
from posealign_core.runs import study_bars
from posealign_core.runs.study_bars import MemberBars

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setattr(study_bars, "member_state", lambda _: "'train' running")
    train = SimpleNamespace(max_steps=40)
    resolved = SimpleNamespace(config=SimpleNamespace(train=train))
    return SimpleNamespace(label="a", resolved=resolved, folder=SimpleNamespace(path=tmp_path))


def test_a_bar_follows_the_log_of_its_run(
    member: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [10.0]
    monkeypatch.setattr(study_bars.time, "monotonic", lambda: seconds[0])
    bar = progress_bar(show=False)
    bars = MemberBars(bar)
    bars.begin(member)
    bars.refresh()
    (task,) = bar.tasks
    assert (task.description, task.completed, task.total) == ("a", 0, 40)
    line = {"step": 20, "loss": 0.5}
    (tmp_path / "train.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    bars.refresh()  # within the same second
    assert task.completed == 0
    seconds[0] += 1.5
    bars.refresh()
    assert task.completed == 20
    assert task.fields["note"] == "'train' running, loss 0.5"
    bars.end(member)
    assert bar.tasks == []
