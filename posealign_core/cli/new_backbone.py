"""`posealign new-backbone`: start a backbone of your own from the template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from posealign_core.cli.command import Command

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost


class NewBackboneCommand(Command):
    """Writes an installable package: the template's code under a new name, and its tests."""

    examples: ClassVar[tuple[str, ...]] = (
        "posealign new-backbone my-model",
        "posealign new-backbone my-model --output ~/src/my-model",
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the name and the place."""
        parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and '-'")
        parser.add_argument(
            "--output", type=Path, metavar="DIR", help="new folder (default: posealign-NAME)"
        )

    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Copy the template and say what to do next."""
        from posealign_core.testing.scaffold import copy_template

        folder = args.output or Path(f"posealign-{args.name}")
        copy_template(host, args.name, folder)
        print(f"wrote {folder}; next:")
        for line in (
            f"pip install --editable {folder}",
            f"posealign check {args.name}",
            f"pytest {folder}",
        ):
            print(f"  {line}")
        return 0


command = NewBackboneCommand
