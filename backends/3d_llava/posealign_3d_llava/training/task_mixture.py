"""The order of training samples: one task per micro-batch (specification section 6.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["released_task_order", "task_order"]

_GROUPS_PER_WINDOW = 32


def task_order(
    tasks: Sequence[Hashable], lengths: Sequence[int], batch_size: int, rng: np.random.Generator
) -> list[int]:
    """Shuffle samples so that each micro-batch holds one task and texts of similar length.

    A task whose number of samples is no multiple of the batch size repeats a few of them, so that
    no micro-batch is short and none is mixed.

    Args:
        tasks: Task of each sample.
        lengths: Length of each sample's text.
        batch_size: Samples per micro-batch.
        rng: The only source of randomness.

    Returns:
        Indices, each at least once; every `batch_size` of them are one micro-batch.
    """
    groups: list[list[int]] = []
    for members in _members(tasks):
        order = rng.permutation(members)
        n_extra = -len(order) % batch_size
        order = np.concatenate([order, rng.choice(members, n_extra, replace=True)])
        for start in range(0, len(order), batch_size * _GROUPS_PER_WINDOW):
            window = order[start : start + batch_size * _GROUPS_PER_WINDOW]
            by_length = sorted(window.tolist(), key=lambda i: lengths[i])
            groups += _cut(by_length, batch_size)
    return [i for group in rng.permutation(len(groups)).tolist() for i in groups[group]]


def released_task_order(
    tasks: Sequence[Hashable],
    lengths: Sequence[int],
    batch_size: int,
    groups_per_step: int,
    rng: np.random.Generator,
) -> list[int]:
    """Shuffle as the release does, with its faults (Q14).

    Groups are sorted by the lengths of other samples; a short group shifts what follows, so that
    micro-batches mix tasks until the next one; the last groups that fill no optimiser step are
    lost.

    Args:
        tasks: As for `task_order`, likewise `lengths`, `batch_size` and `rng`.
        lengths: Length of each sample's text.
        batch_size: Samples per micro-batch.
        groups_per_step: Micro-batches per optimiser step, over all processes.
        rng: The only source of randomness.
    """
    groups: list[list[int]] = []
    for members in _members(tasks):
        shuffled = [members[i] for i in rng.permutation(len(members))]
        wrong_length = dict(zip(shuffled, (lengths[i] for i in members), strict=True))
        groups += [
            sorted(group, key=lambda i: -wrong_length[i]) for group in _cut(shuffled, batch_size)
        ]
    groups = [groups[i] for i in rng.permutation(len(groups))]
    n_whole = len(groups) // groups_per_step
    steps = [groups[s * groups_per_step : (s + 1) * groups_per_step] for s in range(n_whole)]
    return [i for step in rng.permutation(n_whole) for group in steps[step] for i in group]


def _members(tasks: Sequence[Hashable]) -> list[list[int]]:
    """Indices of each task, in order of first appearance."""
    members: dict[Hashable, list[int]] = {}
    for index, task in enumerate(tasks):
        members.setdefault(task, []).append(index)
    return list(members.values())


def _cut(items: Sequence[int], size: int) -> list[list[int]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
