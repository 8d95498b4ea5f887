"""What a benchmark is: queries from annotation files."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posealign_core.structures import Query
    from posealign_core.vocabulary import TaskKind

__all__ = ["Benchmark"]


class Benchmark(abc.ABC):
    """Reads the annotation files of one benchmark.

    Args:
        root: Folder with the annotation files under their official names, directly or one folder
            down.

    Attributes:
        name: Name on the command line.
        kind: What kind of answer its queries want.
    """

    name: ClassVar[str]
    kind: ClassVar[TaskKind]

    def __init__(self, root: Path) -> None:
        self.root = root

    def splits(self) -> Sequence[str]:
        """Splits that the benchmark usually comes in."""
        return ("train", "val")

    @abc.abstractmethod
    def queries(self, split: str) -> list[Query]:
        """All queries of a split, in file order, with distinct ids.

        Raises:
            DataError: A file is missing, damaged, or holds the same query twice.
        """
