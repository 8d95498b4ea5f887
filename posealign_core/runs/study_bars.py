"""One progress bar per run that goes on in a process of its own, read from what it writes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from posealign_core.runs.study_plan import member_state
from posealign_core.training.log import read_log

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from posealign_core.runs.study_plan import StudyMember

__all__ = ["MemberBars"]

_EVERY_S = 1.0


class MemberBars:
    """Bars of the members that are being done.

    Args:
        bar: Where they are shown.
    """

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, tuple[StudyMember, TaskID]] = {}
        self._shown_s = 0.0

    def begin(self, member: StudyMember) -> None:
        """Add a bar."""
        total = member.resolved.config.train.max_steps
        task = self._bar.add_task(member.label, total=total, note="starts")
        self._tasks[member.label] = (member, task)

    def end(self, member: StudyMember) -> None:
        """Take a bar away."""
        _, task = self._tasks.pop(member.label)
        self._bar.remove_task(task)

    def refresh(self) -> None:
        """Show how far each is; does nothing within a second of the last time."""
        if time.monotonic() - self._shown_s < _EVERY_S:
            return
        self._shown_s = time.monotonic()
        for member, task in self._tasks.values():
            log = read_log(member.folder.path / "train.jsonl")
            if log:
                last = log[-1]
                note = f"{member_state(member)}, loss {last['loss']:.3g}"
                self._bar.update(task, completed=last["step"], note=note)
