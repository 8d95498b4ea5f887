"""`posealign doctor`: what is installed, and what each backbone lacks."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class DoctorCommand(Command):
    """Versions, devices, optional packages, Java, backbones and plugins."""

    examples: ClassVar[tuple[str, ...]] = ("posealign doctor", "posealign doctor --json")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the output form."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Print the findings; what is not usable comes with advice."""
        from posealign_core.runs.diagnosis import diagnose

        findings = diagnose(host)
        if args.json:
            print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
            return 0
        width = max(len(finding.name) for finding in findings)
        for group, rows in itertools.groupby(findings, key=lambda finding: finding.group):
            print(group)
            for row in rows:
                advice = f"  -> {row.advice}" if row.advice and not row.ok else ""
                print(f"  {'ok' if row.ok else '--'}  {row.name:<{width}}  {row.detail}{advice}")
        return 0


command = DoctorCommand
