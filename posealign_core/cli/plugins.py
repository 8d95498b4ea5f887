"""`posealign plugins`: what is installed, and what failed to load."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class PluginsCommand(Command):
    """One line per plugin; a plugin that failed shows its error."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign plugins",
        "posealign plugins --failed",
        "POSEALIGN_DISABLE_PLUGINS=rooms posealign plugins --json",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the filter and the output form."""
        parser.add_argument(
            "--failed", action="store_true", help="only plugins that failed to load"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Print the listing."""
        rows = [info for info in host.plugins() if info.error or not args.failed]
        if args.json:
            print(json.dumps([dataclasses.asdict(info) for info in rows], indent=2))
            return 0
        for info in rows:
            origin = f"{info.distribution} {info.version}".strip() or "given by the caller"
            print(f"{info.name}  ({origin})")
            print(f"  FAILED: {info.error}" if info.error else f"  {', '.join(info.hooks)}")
        return 0


command = PluginsCommand
