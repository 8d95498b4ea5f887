"""What a verb of the command line is."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import argparse

    from posealign_core.host import PluginHost

__all__ = ["Command"]


class Command(abc.ABC):
    """A verb: it describes its arguments and runs. One file per verb.

    Attributes:
        examples: Command lines for the epilog of `--help`.
    """

    examples: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's arguments."""

    @abc.abstractmethod
    def run(self, args: argparse.Namespace, host: PluginHost) -> int:
        """Do the work and return an exit code; `PoseAlignError` is for what the user can mend."""
