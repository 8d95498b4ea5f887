"""Does the runs of a study, each in a process of its own, and keeps account of them."""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from posealign_core.atomic import write_text
from posealign_core.config.merge import nested
from posealign_core.errors import ExitCode
from posealign_core.progress import progress_bar
from posealign_core.runs.study_bars import MemberBars
from posealign_core.runs.study_plan import DONE, member_state
from posealign_core.runs.workers import Job, posealign_command, run_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from posealign_core.runs.clock import Clock
    from posealign_core.runs.study_plan import StudyMember, StudyPlan
    from posealign_core.runs.workers import JobOutcome

__all__ = ["StudyAccount", "do_study", "member_command"]

BUSY, FAILED = "busy", "failed"


@dataclass
class StudyAccount:
    """How far each member is, and why it is no further; kept in `study.json`.

    Attributes:
        path: The file.
        plan: The study's runs.
        states: `"done"`, `"busy"` elsewhere, `"failed"`, or how far an earlier attempt came; by
            label.
        reasons: Why a member failed or waits, by label.
        seconds: How long the members that were begun now took, by label.
    """

    path: Path
    plan: StudyPlan
    states: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = {member.label: member_state(member) for member in self.plan.members}

    @property
    def waiting(self) -> list[StudyMember]:
        """Members that are not done: the failed ones of earlier calls too."""
        return [member for member in self.plan.members if self.states[member.label] != DONE]

    @property
    def finished(self) -> list[Path]:
        """Folders of the members that are done."""
        members = self.plan.members
        return [m.folder.path for m in members if self.states[m.label] == DONE]

    @property
    def n_failed(self) -> int:
        """How many failed in this call."""
        return list(self.states.values()).count(FAILED)

    @property
    def left_out(self) -> dict[str, str]:
        """What a report of the finished members lacks, and why."""
        unfinished = {m.label: self.reasons.get(m.label, "not done yet") for m in self.waiting}
        return {**self.plan.left_out, **unfinished}

    def note(self, member: StudyMember, outcome: JobOutcome) -> None:
        """Take down how a member's process ended."""
        label, state = member.label, member_state(member)
        self.seconds[label] = round(outcome.seconds, 1)
        self.reasons.pop(label, None)
        if outcome.code == 0 and state == DONE:
            self.states[label] = DONE
        elif outcome.code == ExitCode.BUSY:
            self.states[label], self.reasons[label] = BUSY, "another process is working on it"
        else:
            why = outcome.reason if outcome.code else f"it ended {state}"
            self.states[label], self.reasons[label] = FAILED, why
        self.write()

    def write(self) -> None:
        """Put it on disk."""
        members = [
            {
                "label": member.label,
                "cell": dict(member.cell),
                "folder": member.folder.path.name,
                "state": self.states[member.label],
                "reason": self.reasons.get(member.label, ""),
                "seconds": self.seconds.get(member.label),
                "command": shlex.join(["posealign", *member_command(member, self.path.parent)]),
            }
            for member in self.plan.members
        ]
        values = {"members": members, "left_out": dict(self.plan.left_out)}
        write_text(self.path, json.dumps(values, indent=2) + "\n")


def do_study(
    plan: StudyPlan,
    output: Path,
    *,
    n_workers: int,
    trained: bool = True,
    say: Callable[[str], None],
    command: Callable[[StudyMember], Sequence[str]] | None = None,
    clock: Clock | None = None,
) -> StudyAccount:
    """Do every member that is not done.

    A member that fails, or whose process is killed, is accounted for and does not keep the others
    from being done; the next call tries it again and goes on where it was.

    Args:
        plan: The study's runs.
        output: Its folder.
        n_workers: How many members at a time.
        trained: Whether members are trained.
        say: Told one line per member that begins or ends.
        command: Gives a member's whole command line; `posealign run` where None.
        clock: Says whether there is time for another member; there always is where None.
    """
    account = StudyAccount(output / "study.json", plan)
    members = {member.label: member for member in account.waiting}
    for member in members.values():
        _write_values(member, output)
    account.write()
    jobs = [
        Job(label, _words(member, output, n_workers, trained=trained), _log(member, output))
        if command is None
        else Job(label, command(member), _log(member, output))
        for label, member in members.items()
    ]
    n_done, n_all = len(plan.members) - len(jobs), len(plan.members)
    say(f"{n_all} runs, {n_done} of them done already")
    began_s = time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task("study", total=n_all, completed=n_done, note="")
        bars = MemberBars(bar)

        def begin(job: Job) -> None:
            say(f"begins: {job.name}")
            bars.begin(members[job.name])

        outcomes = run_jobs(
            jobs if clock is None else _in_time(jobs, clock, account),
            n_workers,
            environment=lambda slot: _environment(slot, n_workers),
            on_start=begin,
            on_wait=bars.refresh,
        )
        for outcome in outcomes:
            member = members[outcome.job.name]
            bars.end(member)
            account.note(member, outcome)
            if clock is not None:
                clock.note(outcome.seconds)
            why = account.reasons.get(member.label)
            say(
                f"{account.states[member.label]}: {member.label}, {outcome.seconds:.0f} s"
                + (f": {why} ({outcome.job.log})" if why else "")
            )
            bar.advance(task)
    if jobs:
        n_begun = len(account.seconds)
        say(f"{n_begun} runs in {time.monotonic() - began_s:.0f} s, {account.n_failed} failed")
    return account


def _in_time(jobs: Sequence[Job], clock: Clock, account: StudyAccount) -> Iterator[Job]:
    """Those jobs that may begin when their turn comes."""
    for job in jobs:
        if clock.may_begin():
            yield job
        else:
            account.reasons[job.name] = "no time was left; run the same command again to add it"


def member_command(member: StudyMember, output: Path) -> list[str]:
    """The words after `posealign` that do a member by hand."""
    return ["run", "--preset", member.preset, "--config", str(_values_path(member, output))]


def _words(member: StudyMember, output: Path, n_workers: int, *, trained: bool) -> list[str]:
    words = posealign_command(*member_command(member, output), "--no-report")
    words += [] if trained else ["--untrained"]
    return [*words, "--jobs", str(max(1, (os.cpu_count() or 1) // n_workers))]


def _values_path(member: StudyMember, output: Path) -> Path:
    return output / "members" / f"{member.folder.path.name}.yaml"


def _log(member: StudyMember, output: Path) -> Path:
    return output / "members" / f"{member.folder.path.name}.log"


def _write_values(member: StudyMember, output: Path) -> None:
    text = yaml.safe_dump(nested(member.values), sort_keys=False)
    write_text(_values_path(member, output), f"# {member.label}\n{text}")


def _environment(slot: int, n_workers: int) -> Mapping[str, str]:
    """Workers side by side share the processor, and take the accelerators in turn."""
    if n_workers == 1:
        return {}
    variables = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // n_workers))}
    gpus = _gpus()
    return variables | ({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {})


def _gpus() -> list[str]:
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else map(str, range(torch.cuda.device_count()))
    return [name for name in names if name]
