"""Many encoded rooms as a few arrays, so that training never waits for Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from posealign_core.atomic import atomic_path
from posealign_core.datasets.jobs import run_on_scans
from posealign_core.errors import DataError
from posealign_rooms.pretraining.ragged import Ragged

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["SIZE", "Draw", "RoomBank", "Row", "draw_bank", "draw_size"]

Row = Mapping[str, "NDArray[Any]"]
"""What a backbone keeps of a room: arrays of any length along their first axis, and of one shape
beyond it. `n_objects`, one number, is part of every row."""
Draw = Callable[[np.random.Generator], Sequence[Row]]
"""Draws one room and gives a row for each look at it."""

SIZE = "n_objects"
_LENGTHS = "/lengths"
_CHUNK = 100


def draw_size(rng: np.random.Generator, largest: int) -> int:
    """Objects of a room, from 2 to `largest`, large rooms more often."""
    sizes = np.arange(2, largest + 1)
    return int(rng.choice(sizes, p=sizes / sizes.sum()))


def draw_bank(path: Path, draw: Draw, *, n_draws: int, seed: int, jobs: int) -> None:
    """Draw rooms in parallel and write one `.npz` file.

    Args:
        path: The file.
        draw: Importable by name where `jobs` > 1, or a `functools.partial` of what is.
        n_draws: How many rooms, rounded up to a multiple of 100.
        seed: Draw i depends on the seed and i alone, whatever `jobs`.
        jobs: Processes.

    Raises:
        DataError: A room could not be drawn.
    """
    chunks = [str(chunk) for chunk in range(-(-n_draws // _CHUNK))]
    work = partial(_draw_chunk, draw, seed)
    outcomes = run_on_scans(work, chunks, jobs=jobs, title=f"drawing rooms, {_CHUNK} at a time")
    parts = [outcome.result for outcome in outcomes if outcome.result is not None]
    if len(parts) < len(chunks):
        raise DataError(next(outcome.error for outcome in outcomes if outcome.error))
    arrays = {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]


def _draw_chunk(draw: Draw, seed: int, chunk: str) -> dict[str, NDArray[Any]]:
    torch.set_num_threads(1)  # one process per core
    first = int(chunk) * _CHUNK
    rows: list[Row] = []
    for index in range(first, first + _CHUNK):
        rows += draw(np.random.default_rng((seed, index)))
    return _joined(rows)


def _joined(rows: Sequence[Row]) -> dict[str, NDArray[Any]]:
    """Values and lengths of all rows, by name."""
    arrays: dict[str, NDArray[Any]] = {}
    for name in rows[0]:
        parts = [np.atleast_1d(row[name]) for row in rows]
        arrays[name] = np.concatenate(parts)
        arrays[name + _LENGTHS] = np.array([len(part) for part in parts], dtype=np.int32)
    return arrays


class RoomBank:
    """Rooms on the training device.

    Args:
        entries: By name, with the same number of rows each; one is `n_objects`.
    """

    def __init__(self, entries: Mapping[str, Ragged]) -> None:
        self.entries = dict(entries)
        sizes = entries[SIZE].values
        self._order = sizes.argsort(stable=True)
        self._sizes = sizes[self._order].cpu().numpy()

    def __len__(self) -> int:
        return len(self._sizes)

    @classmethod
    def of_rows(cls, rows: Sequence[Row], device: str = "cpu") -> RoomBank:
        """A bank of a few rooms."""
        return cls._of_arrays(_joined(rows), device)

    @classmethod
    def load(cls, path: Path, device: str) -> RoomBank:
        """Read a file that `draw_bank` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls._of_arrays(cast("Mapping[str, NDArray[Any]]", file), device)

    @classmethod
    def _of_arrays(cls, arrays: Mapping[str, NDArray[Any]], device: str) -> RoomBank:
        return cls(
            {
                name: Ragged(
                    torch.from_numpy(arrays[name]).to(device),
                    torch.from_numpy(arrays[name + _LENGTHS]).to(device).long(),
                )
                for name in arrays
                if not name.endswith(_LENGTHS)
            }
        )

    def rows_of(self, rows: Tensor) -> dict[str, Ragged]:
        """All entries of some rooms (B,) int64."""
        return {name: entry.take(rows) for name, entry in self.entries.items()}

    def choose(self, n: int, largest: int, generator: torch.Generator) -> Tensor:
        """(n,) int64 rooms of at most `largest` objects, at random."""
        n_small = max(1, int(np.searchsorted(self._sizes, largest, side="right")))
        device = self._order.device
        return self._order[torch.randint(n_small, (n,), device=device, generator=generator)]
