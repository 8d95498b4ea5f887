"""`posealign study`: a grid of runs, planned, done, and reported on one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.errors import DataError, ExitCode, PoseAlignError

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost
    from posealign_core.runs.study import StudyAccount
    from posealign_core.runs.study_file import StudyFile


class StudyCommand(Command):
    """Does what a study file asks for and is not done yet; failed runs are tried again."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign study configs/studies/rooms.yaml --dry-run",
        "posealign study configs/studies/rooms.yaml --jobs 2",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the study and how it is worked on."""
        parser.add_argument("study", metavar="STUDY.yaml", type=Path, help="the study file")
        parser.add_argument(
            "--jobs", metavar="N", type=int, default=1, help="runs at a time (default: 1)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show the plan and how far it is, and stop"
        )
        parser.add_argument("--json", action="store_true", help="with --dry-run: print JSON")
        parser.add_argument("--output", metavar="DIR", type=Path, help="instead of the file's own")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Plan, prepare, do, report."""
        import dataclasses

        from posealign_core.runs.study import StudyAccount, do_study
        from posealign_core.runs.study_file import read_study
        from posealign_core.runs.study_plan import plan_study

        study = read_study(args.study)
        if args.output is not None:
            study = dataclasses.replace(study, output=args.output)
        plan = plan_study(host, study)
        if args.dry_run:
            account = StudyAccount(study.output / "study.json", plan)
            (_print_json if args.json else _print_plan)(account)
            return int(ExitCode.OK)
        if not plan.members:
            raise PoseAlignError(f"{args.study}: no run is left; --dry-run says why")
        _prepare(host, study)
        account = do_study(
            plan, study.output, n_workers=max(1, args.jobs), trained=study.trained, say=_say
        )
        report_study(host, study, account, study.output / "report.html")
        return int(ExitCode.RUN_FAILED if account.n_failed else ExitCode.OK)


def _say(line: str) -> None:
    print(line, flush=True)


def _prepare(host: PluginHost, study: StudyFile) -> None:
    from posealign_core.cli.main import run_verb

    for line in study.prepare:
        _say(f"prepares: posealign {line}")
        verb, *arguments = shlex.split(line)
        code = run_verb(host, verb, arguments)
        if code:
            raise PoseAlignError(f"study: 'posealign {line}' ended with exit code {code}")


def report_study(host: PluginHost, study: StudyFile, account: StudyAccount, path: Path) -> None:
    """Write the report of a study's finished members, and say where it is.

    Raises:
        PoseAlignError: None is finished.
    """
    from posealign_core.report.write import write_report

    if not account.finished:
        raise PoseAlignError("no run could be finished; the lines above say why")
    page, *_ = write_report(
        host,
        account.finished,
        path,
        title=study.title,
        chance=_chance(study),
        left_out=account.left_out,
    )
    _say(f"report: {page.resolve()}")


def _chance(study: StudyFile) -> dict[str, dict[str, float]]:
    from posealign_core.datasets.files import read_json

    if study.chance is None:
        return {}
    values = read_json(study.chance)
    if not isinstance(values, dict) or not isinstance(values.get("chance"), dict):
        raise DataError(f"{study.chance}: wanted levels by benchmark below the key 'chance'")
    levels: dict[str, dict[str, float]] = values["chance"]
    return levels


def _print_plan(account: StudyAccount) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Run", "State", box=None)
    for member in account.plan.members:
        table.add_row(Text(member.label), Text(account.states[member.label]))
    Console().print(table)
    n_done = len(account.finished)
    print(f"{len(account.plan.members)} runs, {n_done} of them done")
    for name, why in account.plan.left_out.items():
        print(f"left out: {name}: {why}")


def _print_json(account: StudyAccount) -> None:
    import json

    runs = [
        {
            "label": member.label,
            "cell": dict(member.cell),
            "preset": member.preset,
            "folder": str(member.folder.path),
            "state": account.states[member.label],
        }
        for member in account.plan.members
    ]
    print(json.dumps({"runs": runs, "left_out": dict(account.plan.left_out)}, indent=2))


command = StudyCommand
