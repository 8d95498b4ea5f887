"""What the rooms plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import CommandSpec

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

__all__ = ["posealign_register_commands"]


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """The verb `rooms`."""
    register(
        CommandSpec(
            name="rooms",
            summary="make, show and measure with the embedded benchmark of procedural rooms",
            factory="posealign_rooms.cli:command",
        )
    )
