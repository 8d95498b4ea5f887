"""`posealign check`: hold a backbone to the contract."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.errors import ConfigError, ExitCode
from posealign_core.testing import backbone_checks, run_check

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from posealign_core.host import PluginHost
    from posealign_core.testing import CheckResult
    from posealign_core.testing.check import Check


class CheckCommand(Command):
    """One line per check as it ends; the exit code is 6 when one fails."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign check template",
        "posealign check template --only check_ego_axes --json",
        "posealign check --list",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the backbone, the choice of checks and the output form."""
        parser.add_argument("name", nargs="?", metavar="NAME", help="the backbone")
        parser.add_argument("--preset", default="tiny", help="preset to build (default: tiny)")
        parser.add_argument(
            "--only",
            action="append",
            metavar="CHECK",
            help="run this check; may be given several times",
        )
        parser.add_argument("--list", action="store_true", help="name the checks and stop")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Run the checks and print what they found."""
        if not args.list and args.name is None:
            raise ConfigError(["wanted the name of a backbone, or --list"], source="check")
        checks = _chosen(args.only)
        if args.list:
            return _list(checks, as_json=args.json)
        spec = host.backbones[args.name]
        results = []
        for check in checks:
            if not args.json:
                _show_running(check)
            results.append(run_check(check, spec, preset=args.preset))
            if not args.json:
                _show(results[-1])
        if args.json:
            print(json.dumps([dataclasses.asdict(result) for result in results], indent=2))
        else:
            _summarize(results)
        failed = any(result.status == "failed" for result in results)
        return int(ExitCode.CHECKS_FAILED if failed else ExitCode.OK)


def _chosen(names: Sequence[str] | None) -> list[Check]:
    checks = list(backbone_checks())
    if names is None:
        return checks
    known = {check.name for check in checks}
    if unknown := [name for name in names if name not in known]:
        faults = [f"no check is named {name!r}; 'posealign check --list' does" for name in unknown]
        raise ConfigError(faults, source="--only")
    return [check for check in checks if check.name in names]


def _list(checks: Sequence[Check], *, as_json: bool) -> int:
    rows = [{"check": c.name, "group": c.group, "summary": c.summary} for c in checks]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['group']:<10}  {row['check']:<38}  {row['summary']}")
    return int(ExitCode.OK)


def _show_running(check: Check) -> None:
    """Say what runs now, on a line that its result replaces."""
    if sys.stdout.isatty():
        print(f"running   {check.name}", end="\r", flush=True)


def _show(result: CheckResult) -> None:
    reason = f"\n          {result.reason}" if result.reason else ""
    print(f"{result.status:<8}  {result.check:<38}  {result.seconds:6.2f} s{reason}", flush=True)


def _summarize(results: Sequence[CheckResult]) -> None:
    counts = {
        status: sum(result.status == status for result in results)
        for status in ("passed", "failed", "skipped")
    }
    seconds = sum(result.seconds for result in results)
    print(", ".join(f"{n} {status}" for status, n in counts.items()) + f" in {seconds:.1f} s")


command = CheckCommand
