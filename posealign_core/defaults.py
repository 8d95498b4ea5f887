"""What the core itself registers, through the same hooks as everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import CommandSpec

if TYPE_CHECKING:
    from posealign_core.registry import Registrar


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """The core's verbs; each is imported only when it runs."""
    for name, summary in (
        ("list", "components of one kind"),
        ("plugins", "installed plugins, their hooks, and why one failed to load"),
    ):
        register(
            CommandSpec(
                name=name,
                summary=summary,
                factory=f"posealign_core.cli.{name.replace('-', '_')}:command",
            )
        )
