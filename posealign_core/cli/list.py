"""`posealign list`: the components of one kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command
from posealign_core.specs import BackboneSpec

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from posealign_core.host import PluginHost
    from posealign_core.specs import Spec

KINDS = ("backbones", "benchmarks", "commands", "datasets", "judges", "probes", "selectors")


class ListCommand(Command):
    """Names, summaries and, for backbones, what each can do."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign list backbones",
        "posealign list selectors --json",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the kind and the output form."""
        parser.add_argument(
            "kind", choices=KINDS, metavar="KIND", help="one of: " + ", ".join(KINDS)
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Print the listing."""
        registry = host.registries[args.kind]
        rows = [_row(spec, registry.origin(spec.name)) for spec in registry]
        if args.json:
            print(json.dumps(rows, indent=2))
            return 0
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            modes = f"  [{', '.join(row['modes'])}]" if "modes" in row else ""
            print(f"{row['name']:<{width}}  {row['summary']}{modes}")
        return 0


def _row(spec: Spec, plugin: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": spec.name, "summary": spec.summary, "plugin": plugin}
    if isinstance(spec, BackboneSpec):
        row["modes"] = sorted(mode.value for mode in spec.tags.modes)
        row["kinds"] = sorted(kind.value for kind in spec.tags.kinds)
    return row


command = ListCommand
