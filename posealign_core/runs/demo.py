"""The demonstration: every installed backbone, with and without PoseAlign, on made-up rooms."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.config.load import load_run_config
from posealign_core.errors import PoseAlignError
from posealign_core.runs.folder import RunFolder
from posealign_core.runs.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from posealign_core.config.load import ResolvedConfig
    from posealign_core.host import PluginHost
    from posealign_core.recover import RecoverSettings
    from posealign_core.runs.demo_plan import DemoPlan, DemoRun

__all__ = ["Clock", "Demo", "DemoOutcome", "read_chance"]

_EVERY = 5
"""The rooms' paths are short: every 25th frame, as published for video, would leave a handful."""
_BENCHMARKS = ("scanqa", "sqa3d", "nr3d")


@dataclass(frozen=True)
class DemoOutcome:
    """What became of a plan.

    Attributes:
        folders: Folders of the finished runs.
        left_out: What is not in them, and why.
        n_failed: How many runs failed.
    """

    folders: tuple[Path, ...]
    left_out: Mapping[str, str]
    n_failed: int


class Clock:
    """Says whether another run fits into a time budget; the first always does.

    Args:
        minutes: The budget, from now on.
        now: Gives the time in seconds.
    """

    def __init__(self, minutes: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = self._run_began = now()
        self._budget_s = 60 * minutes
        self._longest_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._now() - self._began

    def begin_run(self) -> bool:
        """Whether a run as long as the longest so far would end in time; its time starts now."""
        self._run_began = self._now()
        is_first = self._longest_s == 0
        return is_first or self._run_began - self._began + self._longest_s <= self._budget_s

    def end_run(self) -> None:
        """Note how long the run took."""
        self._longest_s = max(self._longest_s, self._now() - self._run_began)


class Demo:
    """Does the runs of a plan, one after the other; poses that several need are recovered once.

    Args:
        host: Where the components are registered.
        rooms: Folder of the rooms.
        output: Folder for the run folders.
        command: The command line, for the records.
        jobs: Processes for pose recovery; all cores where None.
    """

    def __init__(
        self, host: PluginHost, *, rooms: Path, output: Path, command: str, jobs: int | None
    ) -> None:
        self._host = host
        self._rooms = rooms
        self._output = output
        self._command = command
        self._jobs = jobs
        self._recovered: set[tuple[Path, RecoverSettings]] = set()

    def run_all(self, plan: DemoPlan, say: Callable[[str], None], clock: Clock) -> DemoOutcome:
        """Do a plan; neither a failing run nor a late one keeps what is done from being reported.

        Args:
            plan: The runs.
            say: Told one line per stage.
            clock: Says whether there is time for another run.

        Raises:
            PoseAlignError: No run could be finished.
        """
        folders: list[Path] = []
        failed: dict[str, str] = {}
        late: dict[str, str] = {}
        for number, planned in enumerate(plan.runs, start=2):
            title = f"{planned.name}, seed {planned.seed}"
            if not clock.begin_run():
                late[title] = "no time was left; run the same command again to add it"
                continue
            say(f"[{number}/{plan.n_steps}] {title}")
            try:
                folders.append(self._run(planned, lambda line: say(f"    {line}")))
            except PoseAlignError as error:
                say(f"    failed: {error}")
                failed[title] = str(error)
            clock.end_run()
        if not folders:
            raise PoseAlignError("demo: no run could be finished; the lines above say why")
        for title, why in late.items():
            say(f"left out: {title}: {why}")
        return DemoOutcome(tuple(folders), {**plan.left_out, **failed, **late}, len(failed))

    def _run(self, planned: DemoRun, say: Callable[[str], None]) -> Path:
        resolved = self._configure(planned)
        folder = RunFolder(self._output / resolved.name)
        run = Run(self._host, resolved, folder, self._command)
        needed = (run.config.tables, run.config.recover)
        if run.materials.uses_poses and needed not in self._recovered:
            say(f"poses: {run.recover(jobs=self._jobs)}")
            self._recovered.add(needed)
        run.train_and_score(say)
        return folder.path

    def _configure(self, planned: DemoRun) -> ResolvedConfig:
        kinds = self._host.backbones[planned.backbone].tags.kinds
        benchmarks = [name for name in _BENCHMARKS if self._host.benchmarks[name].kind in kinds]
        return load_run_config(
            self._host,
            preset=f"{planned.backbone}/{planned.preset}",
            values={
                "dataset.name": "scannet",
                "dataset.root": str(self._rooms),
                "dataset.annotations": str(self._rooms / "annotations"),
                "dataset.benchmarks": benchmarks,
                "recover.every": _EVERY,
                "output.root": str(self._output),
                "output.name": planned.name,
                "seed": planned.seed,
            },
        )


def read_chance(rooms: Path) -> dict[str, dict[str, float]]:
    """Share of right answers that is possible without the pose, by benchmark and subset."""
    description = json.loads((rooms / "rooms.json").read_text(encoding="utf-8"))
    chance: dict[str, dict[str, float]] = description["chance"]
    return chance
